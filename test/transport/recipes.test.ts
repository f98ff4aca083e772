/** The recipes of docs/clients.md: no event is missed over an expired token or an interruption. */
import { createClient } from 'graphql-sse';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { metric } from '../support/metrics.ts';
import { type Carrier, RECIPES } from '../support/recipes.ts';
import { newId, startTestService, type TestService } from '../support/service.ts';

const TOKEN_MS = 60_000;
const LIFETIME_MS = 15 * 60_000;

describe('recipes', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService({ env: { STREAM_LIFETIME: `${LIFETIME_MS}ms` } });
  });
  afterAll(() => service.close());

  const isCarried = (count: number): Promise<void> =>
    eventually(async () => {
      const all = ['sse', 'multipart'].map((name) =>
        metric(service.url, `realtime_subscriptions{transport="${name}"}`),
      );
      expect((await Promise.all(all)).reduce((sum, each) => sum + each, 0)).toBe(count);
    });

  it.each(Object.entries(RECIPES))('%s', async (_, start) => {
    const id = newId();
    const create = `mutation { createConversation(input: {id: "${id}", memberIds: ["bob"]}) { id position } }`;
    const { position } = (await service.query('alice', create)).data.createConversation;
    const send = (content: string) =>
      service.query(
        'alice',
        `mutation { sendMessage(input: {conversationId: "${id}", content: "${content}"}) { id } }`,
      );
    /** No client has one while this is held: what is sent then is missed. */
    let mayAsk = Promise.withResolvers<void>();
    mayAsk.resolve();
    let life = TOKEN_MS;
    const token = async (): Promise<string> => {
      await mayAsk.promise;
      return service.token('bob', { expiresAt: Math.floor((service.clock.now() + life) / 1_000) });
    };
    const carrier = createClient({
      url: `${service.url}/graphql`,
      headers: async () => ({ authorization: `Bearer ${await token()}` }),
    }) as unknown as Carrier;
    const heard: string[] = [];
    const stop = start({
      url: `${service.url}/graphql`,
      token,
      carrier,
      ids: [id],
      after: [position],
      heard: (content) => void heard.push(content),
    });
    await isCarried(1);
    const expected: string[] = [];
    const say = async (content: string): Promise<void> => {
      await send(content);
      expected.push(content);
    };
    for (const [name, ms] of [
      ['token', TOKEN_MS + TIMES.clockToleranceMs],
      ['lifetime', LIFETIME_MS * (1 + LIMITS.streamLifetimeSpread) + TIMES.sweepMs],
    ] as const) {
      await say(`before the end of its ${name}`);
      await eventually(() => expect(heard).toEqual(expected));
      mayAsk = Promise.withResolvers();
      life = 10 * LIFETIME_MS;
      service.clock.advance(ms);
      await isCarried(0);
      await say(`at the end of its ${name}`);
      mayAsk.resolve();
      await eventually(() => expect(heard).toEqual(expected));
    }
    stop();
    await isCarried(0);
  });
});
