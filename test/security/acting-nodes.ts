/** Two nodes for the tests of services that act for users, and how a service and a user ask them. */
import { createConversation } from '../support/conversations.ts';
import { type Nodes, type Setting, startNodes } from '../support/nodes.ts';
import type { Answer, TokenClaims } from '../support/service.ts';

export const SERVICE: TokenClaims = { scope: 'realtime:service' };

export interface ActingNodes extends Nodes {
  /** Asked at the first node, by default as a service. */
  ask(user: string, query: string, variables: object, claims?: TokenClaims): Promise<Answer>;
  /** Asked at the second node as a user. */
  asUser(user: string, query: string, variables: object): Promise<Answer>;
  /** The id of a new conversation of `ann` with these members. */
  group(...memberIds: string[]): Promise<string>;
}

export async function startActingNodes(setting: Setting): Promise<ActingNodes> {
  const nodes = await startNodes(setting, { CLIENT_TIMEOUT: '10m' });
  return {
    ...nodes,
    ask: (user, query, variables, claims = SERVICE) => nodes.here.query(user, query, variables, claims),
    asUser: (user, query, variables) => nodes.there.query(user, query, variables),
    async group(...memberIds) {
      const client = await nodes.there.connect('ann');
      const { id } = await createConversation(client, { memberIds });
      await client.close();
      return id;
    },
  };
}
