/**
 * Two users chat in the terminal: messages, presence and typing over graphql-ws.
 *
 * `npm run demo`, with the service running (`npm start`) on the same machine.
 * REALTIME_URL names another address.
 */
import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { developmentSecret } from '../src/access/development-secret.ts';
import { signToken } from '../src/access/tokens.ts';
import { readConfig } from '../src/config.ts';

const { jwt, dataDir, port } = readConfig(process.env);
const url = process.env['REALTIME_URL'] ?? `ws://localhost:${port}/graphql`;
const secret = jwt.secrets[0] ?? developmentSecret(dataDir);

interface Result {
  readonly data?: Record<string, unknown> | null | undefined;
  readonly errors?: unknown;
}

async function connect(userId: string): Promise<Client> {
  const expiresAt = Math.floor(Date.now() / 1_000) + 3_600;
  const token = await signToken({ secret, userId, expiresAt, tenantClaim: jwt.tenantClaim });
  const connectionParams = { token, deviceId: `${userId}-terminal` };
  return createClient({ url, webSocketImpl: WebSocket, connectionParams, retryAttempts: 0 });
}

function run(client: Client, query: string, variables: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    client.subscribe<Record<string, unknown>>(
      { query, variables },
      {
        next: ({ data, errors }: Result) => (data ? resolve(data) : reject(new Error(JSON.stringify(errors)))),
        error: reject,
        complete: () => undefined,
      },
    );
  });
}

/** Prints the events of a user's subscription, up to the one for which `last` returns true. */
function show(who: string, client: Client, query: string, variables: object, last: (data: string) => boolean) {
  return new Promise<void>((resolve, reject) => {
    client.subscribe<Record<string, unknown>>(
      { query, variables: { ...variables } },
      {
        next: ({ data }: Result) => {
          const text = JSON.stringify(data);
          console.log(`  ${who} sees  ${text}`);
          if (last(text)) resolve();
        },
        error: reject,
        complete: resolve,
      },
    );
  });
}

const alice = await connect('alice');
const bob = await connect('bob');

const { openDirectConversation } = await run(alice, 'mutation { openDirectConversation(userId: "bob") { id } }');
const { id } = openDirectConversation as { id: string };
console.log(`Conversation ${id}`);

const seen = [
  show('bob', bob, 'subscription { presenceUpdated(userIds: ["alice"]) { userId status statusText } }', {}, (text) =>
    text.includes('"statusText":"writing"'),
  ),
  show(
    'bob',
    bob,
    'subscription ($ids: [ID!]) { typingIndicator(conversationIds: $ids) { userId isTyping } }',
    { ids: [id] },
    (text) => text.includes('"isTyping":false'),
  ),
  show(
    'bob',
    bob,
    'subscription ($ids: [ID!]) { messageReceived(conversationIds: $ids) { sequence senderId content } }',
    { ids: [id] },
    (text) => text.includes('Hi Bob'),
  ),
  show(
    'alice',
    alice,
    'subscription ($ids: [ID!]) { messageReceived(conversationIds: $ids) { sequence senderId content } }',
    { ids: [id] },
    (text) => text.includes('Hi Alice'),
  ),
];
// Frames of a socket are handled in order: when this is answered, the subscriptions above are accepted.
await run(bob, '{ __typename }');

await run(alice, 'mutation { setPresence(status: BUSY, statusText: "writing") { status } }');
await run(alice, 'mutation ($id: ID!) { setTyping(conversationId: $id, isTyping: true) }', { id });
const SEND = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { sequence } }';
await run(alice, SEND, { input: { conversationId: id, content: 'Hi Bob' } });
await run(alice, 'mutation ($id: ID!) { setTyping(conversationId: $id, isTyping: false) }', { id });
await run(bob, SEND, { input: { conversationId: id, content: 'Hi Alice' } });

await Promise.all(seen);
await run(alice, 'mutation { setPresence(status: ONLINE) { status } }');
await alice.dispose();
await bob.dispose();
