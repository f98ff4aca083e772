/**
 * An assistant that answers each message of a conversation while people read along, and can be stopped from any device.
 *
 * `npm run demo:agent`, with the service running (`npm start`) on the same machine. The model is the AI SDK's mock: to use
 * a real one, replace `model`.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { developmentSecret } from '../../src/access/development-secret.ts';
import { signToken } from '../../src/access/tokens.ts';
import { readConfig } from '../../src/config.ts';
import { answer } from './answer.ts';
import { askAt } from './ask.ts';
import { mockModel } from './mock-model.ts';
import { writeMessage } from './write-message.ts';

const { jwt, dataDir, port } = readConfig(process.env);
const url = process.env['REALTIME_URL'] ?? `http://localhost:${port}/graphql`;
const secret = jwt.secrets[0] ?? developmentSecret(dataDir);

async function userAt(userId: string): Promise<ReturnType<typeof askAt>> {
  const expiresAt = Math.floor(Date.now() / 1_000) + 3_600;
  return askAt(url, await signToken({ secret, userId, expiresAt, tenantClaim: jwt.tenantClaim }));
}

const [alice, assistant] = [await userAt('alice'), await userAt('assistant')];
const conversationId = randomUUID();
await alice('mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id } }', {
  input: { id: conversationId, kind: 'GROUP', name: 'Ask me', memberIds: ['assistant'] },
});

async function question(content: string): Promise<string> {
  const send = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id } }';
  const { sendMessage } = await alice(send, { input: { conversationId, content } });
  console.log(`alice asks      ${content}`);
  return sendMessage.id;
}

const first = await question('How do streamed messages work?');
console.log('assistant says ', await answer(assistant, mockModel(), { conversationId, replyToId: first }, 'How?'));

// Any source of text works.
async function* count(): AsyncGenerator<string> {
  for (let n = 1; n <= 1_000; n += 1) {
    yield `${n} `;
    await wait(30);
  }
}

const second = await question('Count to a thousand.');
const counting = writeMessage(assistant, { conversationId, replyToId: second }, count());
await wait(1_000);
// From another of alice's devices: the id of her question is enough.
await alice('mutation ($id: ID!) { stopMessage(id: $id) }', { id: second });
console.log('assistant says ', await counting);
