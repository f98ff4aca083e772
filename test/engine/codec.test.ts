/** What is stored of a message is read as it was sent, and a use of a rate counts once. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine } from '../../src/engine/port.ts';
import { createKeys } from '../../src/engine/redis/keys.ts';
import type { MessageRecord, RateUse } from '../../src/model.ts';
import fc from '../support/fast-check.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { sharedRedisUrl } from '../support/shared-redis.ts';
import { StillClock } from '../support/still-clock.ts';
import { alice, bob, createGroup, tenant, userId } from '../support/world.ts';

const prefix = `codec-${randomUUID().slice(0, 8)}`;
const keys = createKeys(prefix, 0);
const onRedis = (): Promise<Engine> => openEngineOn(sharedRedisUrl(), { prefix, clock: new StillClock() });
const embedded = async (): Promise<Engine> =>
  openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock: new StillClock() });

/** What JSON has no word for is not in a payload; an own key of that name is not kept by the parser of the test. */
const payloads = fc
  .oneof(fc.constant(null), fc.jsonValue({ maxDepth: 3 }))
  .filter((value) => !/__proto__/.test(JSON.stringify(value)));
const messages = fc.record({
  content: fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', '"', '\\', '\n\r\t\u2028', '\u0001', '🎉é')),
  payload: payloads,
  clientMessageId: fc.option(fc.constantFrom('one', 'a "b"', '-'), { nil: null }),
  via: fc.option(fc.constantFrom(userId('bot'), userId('bot "1"')), { nil: undefined }),
  isReply: fc.boolean(),
  isHeld: fc.constant(false),
});

describe.each([
  ['Redis', onRedis],
  ['the embedded engine', embedded],
] as const)('messages on %s', (_name, open) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await open();
  });
  afterAll(() => engine.close());

  it('are answered, read and changed with all that was sent', async () => {
    const property = fc.asyncProperty(fc.array(messages, { minLength: 1, maxLength: 12 }), async (all) => {
      const id = await createGroup(engine, alice, bob);
      const stored: MessageRecord[] = [];
      for (const { isReply, isHeld: _isHeld, content, payload, clientMessageId, via } of all) {
        const replyToId = isReply ? (stored.at(-1)?.id ?? null) : null;
        const message = {
          conversationId: id,
          senderId: alice,
          content,
          payload,
          clientMessageId,
          replyToId,
          key: null,
        };
        const sent = await engine.appendMessage(tenant, via === undefined ? message : { ...message, via });
        if (!('message' in sent)) throw new Error(sent.outcome);
        expect(sent.message).toMatchObject({
          content,
          payload: JSON.parse(JSON.stringify(payload)),
          clientMessageId,
          replyToId,
        });
        expect(sent.message.via).toBe(via);
        stored.push(sent.message);
      }
      const range = { after: 0, before: null, limit: 100, from: 'first' } as const;
      expect((await engine.listMessages(tenant, id, range)).messages).toEqual(stored);
      const [{ id: first }] = stored as [MessageRecord];
      const [{ content, payload }] = all as [(typeof all)[number]];
      const changed = await engine.editMessage(tenant, first, content, payload);
      if (!('message' in changed)) throw new Error(changed.outcome);
      expect(changed.message).toMatchObject({ content, payload: JSON.parse(JSON.stringify(payload)) });
      expect(await engine.readMessages(tenant, [first])).toEqual([changed.message]);
    });
    await fc.assert(property, { numRuns: 6 });
  });

  it('a page of the log is whole when it reaches the head', async () => {
    const id = await createGroup(engine, alice);
    const message = {
      conversationId: id,
      senderId: alice,
      content: 'x',
      payload: null,
      clientMessageId: null,
      replyToId: null,
      key: null,
    };
    for (let n = 0; n < 3; n += 1) await engine.appendMessage(tenant, message);
    const [state] = await engine.readConversations(tenant, [id]);
    const epoch = state?.position.epoch ?? '';
    const isWhole = async (place: number, limit: number): Promise<boolean | null> => {
      const page = await engine.readLog(tenant, id, { epoch, place }, limit);
      return page.outcome === 'read' ? page.isWhole : null;
    };
    expect([await isWhole(0, 2), await isWhole(0, 3), await isWhole(1, 2), await isWhole(3, 2)]).toEqual([
      false,
      true,
      true,
      true,
    ]);
  });
});

describe('the use of a rate that nodes share', () => {
  let one: Engine;
  let two: Engine;
  let admin: Redis;
  beforeAll(async () => {
    admin = new Redis(sharedRedisUrl());
    [one, two] = (await Promise.all([onRedis(), onRedis()])) as [Engine, Engine];
  });
  afterAll(async () => {
    await Promise.all([one.close(), two.close()]);
    admin.disconnect();
  });
  const of = { rate: 'user-messages', tenant, userId: userId(randomUUID()) } as const;
  /** What other nodes used since this one asked last. */
  const share = async (engine: Engine, count: number): Promise<number | undefined> =>
    (await engine.shareUse([{ ...of, count } as RateUse]))[0];

  it('is told to each node once, without its own', async () => {
    expect([await share(one, 5), await share(two, 3), await share(one, 1), await share(two, 0)]).toEqual([0, 0, 3, 1]);
    expect([await share(one, 0), await share(two, 0)]).toEqual([0, 0]);
    expect(await admin.pttl(keys.rate(of))).toBeGreaterThan(0);
  });

  it('is all news after the sum was begun anew', async () => {
    await admin.del(keys.rate(of));
    expect(await share(two, 4)).toBe(0);
    // Less than this node knew of.
    expect([await share(one, 2), await share(one, 0)]).toEqual([4, 0]);
  });

  it('that cannot be counted is refused, also if only the sum fails', async () => {
    await admin.del(keys.rate(of));
    await admin.set(keys.rate(of), 'no number');
    await expect(share(one, 1)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    await admin.del(keys.rate(of));
  });
});
