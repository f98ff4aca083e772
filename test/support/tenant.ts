/** One tenant of a service, and the acts of its admins and users with routing rules. */
import { eventually } from './eventually.ts';
import type { Nodes } from './nodes.ts';
import { type Answer, type Data, newId } from './service.ts';

const SAVE = 'mutation ($input: RoutingRuleInput!) { saveRoutingRule(input: $input) { id onFault } }';
const DELETE = 'mutation ($id: ID!) { deleteRoutingRule(id: $id) { id } }';
const CREATE = `mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id } }`;
const MESSAGE = 'id content payload conversationId sequence clientMessageId';
const SEND = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) { ${MESSAGE} } }`;
const EDIT = `mutation ($id: ID!, $content: String, $payload: JSON) {
  editMessage(id: $id, content: $content, payload: $payload) { ${MESSAGE} editedAt }
}`;
const DIRECT = 'mutation ($userId: ID!) { openDirectConversation(userId: $userId) { id } }';
const SEND_DIRECT = `mutation ($userId: ID!, $content: String!, $payload: JSON, $clientMessageId: ID) {
  sendDirectMessage(userId: $userId, content: $content, payload: $payload, clientMessageId: $clientMessageId) {
    ${MESSAGE}
  }
}`;
const PUBLISH =
  'mutation ($topic: String!, $payload: JSON!) { publish(topic: $topic, payload: $payload) { id payload } }';
const SAID = `query ($id: ID!, $after: String) { conversation(id: $id) {
  messages(first: 100, after: $after) { nodes { content payload } pageInfo { hasNextPage endCursor } }
} }`;

export interface Sent {
  readonly content?: string;
  readonly payload?: unknown;
  readonly clientMessageId?: string;
}

/** Rules are saved on one node; messages are sent on the other. */
export class Tenant {
  readonly id = newId();
  readonly #nodes: Nodes;

  constructor(nodes: Nodes) {
    this.#nodes = nodes;
  }

  /** A rule, which holds on every node once this has resolved. */
  async save(input: object): Promise<Data> {
    const { data, errors } = await this.admin(SAVE, { input: { name: 'Rule', ...input } });
    if (errors) throw new Error(JSON.stringify(errors));
    await this.#held();
    return data.saveRoutingRule;
  }

  /** Deletes a rule, which holds a moment longer on the other node. */
  async delete(id: string): Promise<void> {
    await this.admin(DELETE, { id });
  }

  admin(query: string, variables: object): Promise<Answer> {
    return this.#nodes.here.query('root', query, variables, { tenant: this.id, scope: 'realtime:admin' });
  }

  as(user: string, query: string, variables: object = {}): Promise<Answer> {
    return this.#nodes.there.query(user, query, variables, { tenant: this.id });
  }

  async group(kind: 'GROUP' | 'ROOM', creator: string, ...memberIds: string[]): Promise<string> {
    return (await this.as(creator, CREATE, { input: { kind, memberIds } })).data.createConversation.id;
  }

  async direct(user: string, userId: string): Promise<string> {
    return (await this.as(user, DIRECT, { userId })).data.openDirectConversation.id;
  }

  send(user: string, conversationId: string, message: Sent): Promise<Answer> {
    return this.as(user, SEND, { input: { conversationId, ...message } });
  }

  sendDirect(user: string, userId: string, message: Sent): Promise<Answer> {
    return this.as(user, SEND_DIRECT, { userId, ...message });
  }

  edit(user: string, id: string, said: Sent): Promise<Answer> {
    return this.as(user, EDIT, { id, ...said });
  }

  publish(user: string, topic: string, payload: unknown): Promise<Answer> {
    return this.as(user, PUBLISH, { topic, payload });
  }

  /** All that is stored in a conversation, however many pages it is. */
  async said(user: string, conversationId: string): Promise<[string, unknown][]> {
    const said: [string, unknown][] = [];
    for (let after: string | null = null, hasNext = true; hasNext; ) {
      const { data }: Answer = await this.as(user, SAID, { id: conversationId, after });
      const { nodes, pageInfo } = data.conversation.messages;
      said.push(...nodes.map(({ content, payload }: Data) => [content, payload]));
      [after, hasNext] = [pageInfo.endCursor, pageInfo.hasNextPage];
    }
    return said;
  }

  async history(topic: string): Promise<unknown[]> {
    const { data } = await this.as('reader', `{ topicHistory(topic: "${topic}") { payload } }`);
    return data.topicHistory.map(({ payload }: Data) => payload);
  }

  /** A rule of its own, saved last, tells that those before it have arrived. */
  async #held(): Promise<void> {
    const topic = `probe.${newId()}`;
    const probe = { id: 'probe', name: 'Probe', priority: 1_000_000, match: { on: ['TOPIC'], topic } };
    await this.admin(SAVE, { input: { ...probe, action: { drop: true } } });
    await eventually(async () => {
      if ((await this.publish('probe', topic, 1)).data?.publish !== null)
        throw new Error('The rules are not there yet.');
    });
  }
}
