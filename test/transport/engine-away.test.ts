/** Changes over HTTP while Redis is away: the answers on which a back end retries. */
import { Redis } from 'ioredis';
import { eventually } from '../support/eventually.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { type Data, startTestService } from '../support/service.ts';

const PUBLISH = 'mutation { publish(topic: "workflow.42", payload: 1, idempotencyKey: "one") { payload } }';
const PUBLISH_MANY = `mutation { publishMany(items: [{topic: "workflow.42", payload: 1, idempotencyKey: "one"}]) {
  outcome error { code retryAfterMs } } }`;
const SEND = `mutation { sendMessage(input: {conversationId: "lab", content: "a", clientMessageId: "one"}) { sequence } }`;
const START = `mutation { startMessage(input: {conversationId: "lab", content: "b", clientMessageId: "two"}) { sequence } }`;
const CREATE = 'mutation { createConversation(input: {id: "lab"}) { id } }';
const HISTORY = '{ topicHistory(topic: "workflow.42") { payload } conversation(id: "lab") { lastSequence } }';
const ANSWER = 'application/graphql-response+json';

it('a change without the engine is 503 with Retry-After, and its retry under the same key is stored once', async () => {
  const redis = await startRedisServer();
  const service = await startTestService({ env: { REDIS_URL: redis.url } });
  const token = await service.token('back-end', { scope: 'realtime:service' });
  async function ask(query: string, accept = ANSWER): Promise<{ answer: Response; body: Data }> {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}`, accept };
    const answer = await fetch(`${service.url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) });
    return { answer, body: await answer.json() };
  }
  async function expectRefused(): Promise<void> {
    const refused = await Promise.all([PUBLISH, SEND, START].map((query) => ask(query)));
    for (const { answer, body } of refused) {
      const { code, retryAfterMs } = body.errors[0].extensions;
      expect([answer.status, code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
      expect(answer.headers.get('retry-after')).toBe(String(Math.ceil(retryAfterMs / 1_000)));
      expect(answer.headers.get('content-type')).toContain(ANSWER);
    }
    const plain = await ask(PUBLISH, 'application/json');
    expect(plain.body.errors[0].extensions.code).toBe('SERVICE_UNAVAILABLE');
    expect(plain.answer.headers.get('retry-after')).toMatch(/^[1-9]/);
  }
  await ask(CREATE);
  const admin = new Redis(redis.url);
  // It answers, and stores nothing: callers are known, and their changes fail.
  await admin.config('SET', 'min-replicas-to-write', '1');
  await expectRefused();
  const many = await ask(PUBLISH_MANY);
  expect([many.answer.status, many.body.data.publishMany]).toEqual([
    200,
    [{ outcome: 'FAILED', error: { code: 'SERVICE_UNAVAILABLE', retryAfterMs: expect.any(Number) } }],
  ]);
  await admin.config('SET', 'min-replicas-to-write', '0');
  admin.disconnect();
  redis.process.kill('SIGSTOP');
  await expectRefused();
  redis.process.kill('SIGCONT');
  for (const query of [PUBLISH, SEND, START, PUBLISH_MANY]) {
    await eventually(async () => expect((await ask(query)).answer.status).toBe(200));
  }
  const { body } = await ask(HISTORY);
  expect(body.data.topicHistory).toEqual([{ payload: 1 }]);
  const read = await service.query('back-end', '{ conversation(id: "lab") { lastSequence } }');
  expect(read.data.conversation.lastSequence).toBe(2);
  await service.close();
  await redis.stop();
});
