/** Consumers when the servers of a failover have clocks that are far apart. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Engine } from '../../src/engine/port.ts';
import { TIMES } from '../../src/limits.ts';
import { EVENT_TYPES, type PublicationId, type TenantId, type Topic } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { type RedisPair, startRedisPair } from '../support/redis-pair.ts';
import { TestClock } from '../support/test-clock.ts';
import { alice } from '../support/world.ts';

const NAME = 'bot';
const TOPICS = ['news', 'orders'];
const APART_S = 3_600;
/** Both a setting and a line of INFO, so that scripts tell the servers apart. */
const MARK = ['--hz', '11'];

/** The server with the mark is an hour ahead for scripts that are loaded meanwhile. */
async function withClocksApart<Result>(work: () => Promise<Result>): Promise<Result> {
  const { defineCommand } = Redis.prototype;
  const time = `(function()
    local time = redis.call('TIME')
    if string.find(redis.call('INFO', 'server'), 'configured_hz:11') then time[1] = tostring(tonumber(time[1]) + ${APART_S}) end
    return time
  end)()`;
  Redis.prototype.defineCommand = function (name, { lua = '', ...definition }) {
    return defineCommand.call(this, name, { ...definition, lua: lua.replaceAll("redis.call('TIME')", time) });
  };
  try {
    return await work();
  } finally {
    Redis.prototype.defineCommand = defineCommand;
  }
}

describe('G23: consumers through failovers between servers whose clocks are an hour apart', () => {
  const tenant = 'acme' as TenantId;
  const clock = new TestClock();
  let pair: RedisPair;
  let nodes: Engine[];
  beforeAll(async () => {
    pair = await startRedisPair(...MARK);
    const prefix = `clocks-${randomUUID().slice(0, 8)}`;
    const open = (): Promise<Engine> => openEngineOn(pair.url, { prefix, clock });
    nodes = await withClocksApart(() => Promise.all([open(), open()]));
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.close()));
    await pair.close();
  });

  /** On both nodes in turn, each until it is answered. */
  async function publish(payload: number): Promise<void> {
    for (const topic of TOPICS) {
      const publication = {
        id: randomUUID() as string as PublicationId,
        topic: topic as Topic,
        payload,
        senderId: alice,
        key: { id: `${payload}`, digest: 'the same each time' },
      };
      await eventually(() => (nodes[payload % 2] as Engine).publish(tenant, publication));
    }
  }

  /** Takes all that is there, and acknowledges it unless it is to stay pending. Answers what came, by topic. */
  async function take(isAcknowledged = true): Promise<Record<string, unknown[]>> {
    const came: Record<string, unknown[]> = {};
    const [engine] = nodes as [Engine];
    for (let quiet = 0; quiet < 2; ) {
      // What was handed out by the clock that is ahead comes back when the other has reached that time.
      if (isAcknowledged) clock.advance(APART_S * 1_000 + 2 * TIMES.eventAckMs);
      const pulled = await engine.pullEvents(tenant, NAME, { member: 'one', max: 100 });
      for (const { subject, data } of pulled?.events ?? []) {
        came[subject] = [...(came[subject] ?? []), 'payload' in data ? data.payload : null];
      }
      if (!pulled?.token || pulled.events.length === 0) quiet += 1;
      else if (isAcknowledged) await engine.ackEvents(tenant, NAME, pulled.token, []);
    }
    return came;
  }

  const both = (...payloads: number[]): Record<string, number[]> =>
    Object.fromEntries(TOPICS.map((topic) => [topic, payloads]));
  const lagIs = (lag: number): Promise<void> =>
    eventually(async () => expect((await nodes[0]?.readProgress(tenant, NAME))?.lag).toBe(lag));

  it('keep the order of each key and lose nothing, in both directions', async () => {
    await nodes[0]?.saveConsumer(tenant, { name: NAME, events: EVENT_TYPES, conversations: null, topics: null }, 'NOW');
    for (const n of [1, 2]) await publish(n);
    await lagIs(4);
    expect(await take(false)).toEqual(both(1, 2));
    await publish(3);
    await lagIs(2);
    await pair.failOver();
    // Behind, and numbers go on above those of before.
    for (const n of [4, 5]) await publish(n);
    await lagIs(6);
    expect(await take()).toEqual(both(1, 2, 3, 4, 5));
    await publish(6);
    await pair.failOver();
    await publish(7);
    await lagIs(4);
    expect(await take()).toEqual(both(6, 7));
    expect(await nodes[0]?.readProgress(tenant, NAME)).toMatchObject({ lag: 0, pending: 0, deadLetters: 0 });
  });
});
