/** Lost announcements that no broken connection reveals are noticed by the marks of each state. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import type { Announcement, Channel } from '../../src/engine/port.ts';
import { createBatches } from '../../src/engine/redis/batches.ts';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { Marks } from '../../src/engine/redis/marks.ts';
import { defineScripts } from '../../src/engine/redis/scripts.ts';
import { TIMES } from '../../src/limits.ts';
import type { Topic } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { type CapturedLog, captureLog } from '../support/log.ts';
import { sharedRedisUrl } from '../support/shared-redis.ts';
import { StillClock } from '../support/still-clock.ts';
import { alice, bob, newConversationId, tenant } from '../support/world.ts';

const SESSIONS: Channel = { kind: 'sessions', tenant, id: alice };
const TICK_MS = 1_000;

const MISSED = 'announcement missed; reading the state again';

describe('marks', () => {
  const keys = createKeys(`marks-${randomUUID()}`, 0);
  let redis: Redis;
  let clock: StillClock;
  let marks: Marks;
  let log: CapturedLog;
  beforeAll(() => {
    redis = new Redis(sharedRedisUrl());
  });
  afterAll(() => redis.disconnect());
  beforeEach(() => {
    clock = new StillClock();
    log = captureLog('warn');
    marks = new Marks(redis, createBatches(defineScripts(redis), true), keys, clock, log.log);
  });
  afterEach(() => marks.close());

  const { sessionsMark } = keys.user(tenant, alice);
  const store = (mark: number): Promise<unknown> => redis.set(sessionsMark, mark);
  /** An announcement with these marks. */
  const marked = (before: number | null, now: number) =>
    ({ type: 'tokens-refused', upTo: 1, mark: [before, now] }) as unknown as Announcement;

  function listen(channel: Channel = SESSIONS, name = channel.kind) {
    let told = 0;
    const listener = {
      onAnnouncement: () => undefined,
      onInterrupted: () => {
        told += 1;
      },
    };
    return { ...marks.watch(name, channel, listener), told: () => told };
  }

  /** Waits until all that was asked before is answered. */
  const answered = async (): Promise<void> => {
    for (let n = 0; n < 3; n += 1) await redis.ping();
  };
  /** Until the next check of every channel, whose times are spread. */
  const check = async (): Promise<void> => {
    clock.advance(TIMES.headCheckMs);
    await answered();
  };

  it('a stored mark that was not heard counts as lost at the second look, and is told once', async () => {
    await store(5);
    const { watched, told } = listen();
    await marks.readStored(watched);
    await check();
    expect(told()).toBe(0);
    await store(6);
    clock.advance(TIMES.headCheckMs);
    await eventually(() => expect(clock.elapsed() + TICK_MS).toBeGreaterThanOrEqual(watched.dueAt));
    expect(told()).toBe(0);
    clock.advance(TICK_MS);
    await eventually(() => expect(told()).toBe(1));
    await log.logged(MISSED, [{ channel: 'sessions' }]);
    for (let n = 0; n < 3; n += 1) await check();
    expect(told()).toBe(1);
  });

  it('an announcement that was on its way during the first look is not lost', async () => {
    await store(7);
    const { watched, told } = listen();
    await marks.readStored(watched);
    await store(8);
    clock.advance(TIMES.headCheckMs);
    await eventually(() => expect(clock.elapsed() + TICK_MS).toBeGreaterThanOrEqual(watched.dueAt));
    marks.record(watched, marked(7, 8));
    clock.advance(TICK_MS);
    await answered();
    for (let n = 0; n < 3; n += 1) await check();
    expect(told()).toBe(0);
  });

  it('a stored mark that has expired proves nothing', async () => {
    await store(9);
    const { watched, told } = listen();
    await marks.readStored(watched);
    await redis.del(sessionsMark);
    for (let n = 0; n < 4; n += 1) {
      await check();
      clock.advance(TICK_MS);
    }
    expect(told()).toBe(0);
  });

  it('a lost announcement of every kind of channel is noticed by the mark of its own state', async () => {
    const [id, topic] = [newConversationId(), 'lost' as Topic];
    const user = keys.user(tenant, bob);
    const changes: Record<Channel['kind'], readonly [Channel, (mark: number) => Promise<unknown>]> = {
      conversation: [
        { kind: 'conversation', tenant, id },
        (mark) => redis.hset(keys.conversation(tenant, id).meta, 'version', mark, 'epoch', 'e', 'place', 1),
      ],
      topic: [
        { kind: 'topic', tenant, id: topic },
        (mark) => redis.hset(keys.topic(tenant, topic).meta, 'epoch', 'e', 'place', mark),
      ],
      presence: [{ kind: 'presence', tenant, id: bob }, (mark) => redis.hset(user.presence, 'version', mark)],
      memberships: [{ kind: 'memberships', tenant, id: bob }, (mark) => redis.set(user.membershipsMark, mark)],
      sessions: [{ kind: 'sessions', tenant, id: bob }, (mark) => redis.set(user.sessionsMark, mark)],
      'routing-rules': [
        { kind: 'routing-rules', tenant, id: tenant },
        (mark) => redis.set(keys.routingRules(tenant).mark, mark),
      ],
      'topic-policies': [
        { kind: 'topic-policies', tenant, id: tenant },
        (mark) => redis.set(keys.topicPolicies(tenant).mark, mark),
      ],
    };
    const listened = await Promise.all(
      Object.values(changes).map(async ([channel, change]) => {
        await change(1);
        const listener = listen(channel);
        await marks.readStored(listener.watched);
        return { ...listener, change };
      }),
    );
    for (const [index, { change, told }] of listened.entries()) {
      await change(2);
      await check();
      await eventually(async () => {
        clock.advance(TICK_MS);
        await answered();
        expect(told()).toBe(1);
      });
      expect(listened.map((each) => each.told())).toEqual(listened.map((_, other) => (other <= index ? 1 : 0)));
    }
    await log.logged(
      MISSED,
      Object.keys(changes).map((channel) => ({ channel })),
    );
  });

  it('a check while the server is away tells nothing, and the next one is made', async () => {
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', onUnhandled);
    const client = new Redis(sharedRedisUrl());
    await client.ping();
    client.disconnect();
    await once(client, 'end');
    const others = new Marks(client, createBatches(defineScripts(client), true), keys, clock, captureLog('warn').log);
    let told = 0;
    others.watch('sessions', SESSIONS, {
      onAnnouncement: () => undefined,
      onInterrupted: () => {
        told += 1;
      },
    });
    await store(1);
    await check();
    expect(told).toBe(0);
    await client.connect();
    await check();
    await eventually(() => expect(told).toBe(1));
    expect(unhandled).toEqual([]);
    others.close();
    client.disconnect();
    process.off('unhandledRejection', onUnhandled);
  });

  it('a channel whose mark is not known is told at the first check', async () => {
    await store(1);
    const { told } = listen();
    await check();
    await eventually(() => expect(told()).toBe(1));
  });

  it('an announcement that does not follow the last one reveals a lost one at once', async () => {
    await store(1);
    const { watched, told } = listen();
    await marks.readStored(watched);
    for (const [before, now, expected] of [
      [1, 2, 0],
      // Heard twice, as after a reconnect.
      [1, 2, 0],
      [2, 5, 0],
      [4, 6, 1],
      [6, 7, 1],
      // Of a state that had none.
      [null, 9, 1],
      [8, 10, 2],
    ] as const) {
      expect(marks.record(watched, marked(before, now))).toEqual({ type: 'tokens-refused', upTo: 1 });
      expect([now, told()]).toEqual([now, expected]);
    }
    expect(marks.record(watched, { type: 'tokens-refused', upTo: 2 })).toEqual({ type: 'tokens-refused', upTo: 2 });
    expect(told()).toBe(2);
  });

  it('messages and publications move the mark of the log, and other announcements do not', async () => {
    const id = newConversationId();
    const { meta } = keys.conversation(tenant, id);
    await redis.hset(meta, 'version', 1, 'epoch', 'e', 'place', 3);
    const { watched, told } = listen({ kind: 'conversation', tenant, id });
    await marks.readStored(watched);
    await redis.hset(meta, 'place', 4);
    marks.record(watched, { type: 'message', message: { position: { epoch: 'e', place: 4 } } } as Announcement);
    for (const type of ['typing', 'extension', 'stop'] as const) marks.record(watched, { type } as Announcement);
    for (let n = 0; n < 2; n += 1) await check();
    clock.advance(TICK_MS);
    await answered();
    expect(told()).toBe(0);
    await redis.hset(meta, 'epoch', 'f');
    await check();
    clock.advance(TICK_MS);
    await eventually(() => expect(told()).toBe(1));

    const topic = 'news' as Topic;
    const { meta: topicMeta } = keys.topic(tenant, topic);
    await redis.hset(topicMeta, 'epoch', 'e', 'place', 1);
    const news = listen({ kind: 'topic', tenant, id: topic });
    await marks.readStored(news.watched);
    await redis.hset(topicMeta, 'place', 2);
    marks.record(news.watched, {
      type: 'publication',
      publication: { position: { epoch: 'e', place: 2 } },
    } as Announcement);
    for (let n = 0; n < 2; n += 1) await check();
    clock.advance(TICK_MS);
    await answered();
    expect(news.told()).toBe(0);
  });

  it('after an interruption channels of rights are told first, each once, and before its next announcement', async () => {
    const order: string[] = [];
    const on = (kind: 'presence' | 'memberships' | 'sessions') =>
      marks.watch(
        kind,
        { kind, tenant, id: alice },
        { onAnnouncement: () => undefined, onInterrupted: () => order.push(kind) },
      );
    const [presence] = [on('presence'), on('memberships'), on('sessions')];
    const gone = on('sessions');
    gone.forget();
    const told = marks.interrupt();
    await told;
    expect(order).toEqual(['memberships', 'sessions', 'presence']);
    marks.record(presence.watched, { type: 'typing' } as Announcement);
    expect(order).toHaveLength(3);
  });

  it('a channel that nobody listens to any more is not checked; closing ends all checks', async () => {
    await store(1);
    const one = listen();
    const two = listen();
    expect(two.watched).toBe(one.watched);
    await marks.readStored(one.watched);
    one.forget();
    const three = listen();
    expect(three.watched).toBe(one.watched);
    three.forget();
    await store(2);
    await check();
    clock.advance(TICK_MS);
    await eventually(() => expect(two.told()).toBe(1));
    expect(one.told()).toBe(0);
    two.forget();
    expect(listen().watched).not.toBe(one.watched);
    marks.close();
    expect(clock.pending).toBe(0);
  });

  it('a check that finds nothing missing says up to when all was heard', async () => {
    await store(1);
    const { watched } = listen();
    expect(watched.heardAt).toBe(Number.NEGATIVE_INFINITY);
    clock.advance(10);
    await marks.readStored(watched);
    expect(watched.heardAt).toBe(10);
    clock.advance(TIMES.headCheckMs);
    await eventually(() => expect(watched.heardAt).toBeGreaterThan(10));
    const before = watched.heardAt;
    await store(2);
    await check();
    expect(watched.heardAt).toBe(before);
  });
});
