/** Every operation stays within its budget, counted in calls of the engine and in bytes. */
import { createSchema } from '../../../src/graphql/schema.ts';
import { LIMITS } from '../../../src/limits.ts';
import { createRandom } from '../../faults/random.ts';
import { startNodes } from '../../support/nodes.ts';
import type { TestService } from '../../support/service.ts';
import { type Named, randomOperation } from './operations.ts';
import type { Property } from './property.ts';

const MAX_COST = 1_000;
const MEMBERS = 200;
const MESSAGES = 1_200;
const OPERATIONS = 40;

/** Counts what the engine has answered: what a budget refuses is not asked. */
function countAnswers(service: TestService): () => number {
  const { engine } = service.service;
  let count = 0;
  for (const [name, ask] of Object.entries(engine)) {
    if (typeof ask !== 'function' || name === 'listen' || name === 'shareUse') continue;
    Object.assign(engine, {
      async [name](...args: never[]) {
        const answer: unknown = await (ask as (...args: never[]) => unknown)(...args);
        count += 1;
        return answer;
      },
    });
  }
  return () => count;
}

/** One large conversation, with messages of every size and reactions. */
async function fill({ service, query }: TestService): Promise<Named> {
  const { engine } = service;
  const members = Array.from({ length: MEMBERS }, (_, index) => `m${index}`);
  const create = 'mutation ($m: [ID!]) { createConversation(input: {id: "c", memberIds: $m}) { id } }';
  await query('alice', create, { m: members });
  let messageId = '';
  for (let index = 0; index < MESSAGES; index += 1) {
    const append = await engine.appendMessage('default' as never, {
      conversationId: 'c' as never,
      senderId: 'alice' as never,
      content: 'x'.repeat(index % 20 === 0 ? LIMITS.contentCharacters : 30),
      payload: index % 20 === 1 ? { text: 'y'.repeat(30_000) } : null,
      replyToId: messageId === '' ? null : (messageId as never),
      clientMessageId: null,
      key: null,
    });
    if ('message' in append) messageId = append.message.id;
  }
  for (const userId of members) await engine.addReaction('default' as never, messageId as never, userId as never, '👍');
  return { conversationId: 'c', messageId, userId: 'alice' };
}

async function ask(service: TestService, operation: object, token: string): Promise<string> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const response = await fetch(`${service.url}/graphql`, { method: 'POST', headers, body: JSON.stringify(operation) });
  return response.text();
}

/** Errors that the service holds for faults of its own; it logs each with its stack. */
async function faultsOf({ url }: TestService): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return Number(/^realtime_errors_total\{code="INTERNAL_SERVER_ERROR"\} (\d+)/m.exec(metrics)?.[1] ?? 0);
}

export const cost: Property = {
  name: 'G16: an operation costs what it may, whatever it asks',
  async run({ engine, seed, untilMs }) {
    const nodes = await startNodes(engine, { MAX_QUERY_COST: String(MAX_COST) });
    try {
      const { here } = nodes;
      const named = await fill(here);
      const answers = countAnswers(here);
      const token = await here.token('alice');
      const schema = createSchema();
      const random = createRandom(seed);
      for (let round = 0; round < OPERATIONS || Date.now() < untilMs; round += 1) {
        const operation = randomOperation(schema, random, named);
        const before = answers();
        const answer = await ask(here, operation, token);
        const asked = answers() - before;
        const fault =
          (asked > MAX_COST && `${asked} answers of the engine`) ||
          (Buffer.byteLength(answer) > LIMITS.responseBytes && `${answer.length} characters`) ||
          (answer.includes('INTERNAL_SERVER_ERROR') && answer.slice(0, 1_000)) ||
          ((await faultsOf(here)) > 0 && `logged as a fault of the service, answered ${answer.slice(0, 200)}`);
        if (fault)
          throw new Error(`seed ${seed}, operation ${round}: ${fault}: ${JSON.stringify(operation).slice(0, 4_000)}`);
      }
    } finally {
      await nodes.close();
    }
  },
};
