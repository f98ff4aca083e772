/** Operations as Relay's compiler (21.0.1) writes them: its runtime takes no text. */
import type { ConcreteRequest } from 'relay-runtime';

const field = { alias: null, args: null, storageKey: null };
const scalar = (name: string) => ({ ...field, kind: 'ScalarField', name });
const argument = (name: string) => ({ defaultValue: null, kind: 'LocalArgument', name });

interface Written {
  readonly kind: 'query' | 'mutation' | 'subscription';
  readonly name: string;
  readonly text: string;
  /** Each variable, and the argument of the root field that it is. */
  readonly variables: Readonly<Record<string, string>>;
  readonly root: string;
  readonly type: string;
  readonly scalars: readonly string[];
}

function request({ kind, name, text, variables, root, type, scalars }: Written): ConcreteRequest {
  const args = Object.entries(variables).map(([variableName, given]) => ({
    kind: 'Variable',
    name: given,
    variableName,
  }));
  const selections = [
    {
      ...field,
      args: args.length > 0 ? args : null,
      concreteType: type,
      kind: 'LinkedField',
      name: root,
      plural: false,
      selections: scalars.map(scalar),
    },
  ];
  const argumentDefinitions = Object.keys(variables).map(argument);
  const operation = { argumentDefinitions, name, selections };
  const rootType = { query: 'Query', mutation: 'Mutation', subscription: 'Subscription' }[kind];
  return {
    fragment: { ...operation, kind: 'Fragment', metadata: null, type: rootType, abstractKey: null },
    kind: 'Request',
    operation: { ...operation, kind: 'Operation' },
    params: { cacheID: name, id: null, metadata: {}, name, operationKind: kind, text },
  } as unknown as ConcreteRequest;
}

export const VIEWER = request({
  kind: 'query',
  name: 'viewerQuery',
  text: 'query viewerQuery { viewer { id } }',
  variables: {},
  root: 'viewer',
  type: 'User',
  scalars: ['id'],
});

export const SEND = request({
  kind: 'mutation',
  name: 'sendMutation',
  text: 'mutation sendMutation($input: SendMessageInput!) { sendMessage(input: $input) { id content } }',
  variables: { input: 'input' },
  root: 'sendMessage',
  type: 'Message',
  scalars: ['id', 'content'],
});

export const RECEIVED = request({
  kind: 'subscription',
  name: 'receivedSubscription',
  text: `subscription receivedSubscription($ids: [ID!], $after: [ID!]) {
  messageReceived(conversationIds: $ids, after: $after) { id content position }
}`,
  variables: { ids: 'conversationIds', after: 'after' },
  root: 'messageReceived',
  type: 'Message',
  scalars: ['id', 'content', 'position'],
});
