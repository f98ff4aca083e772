/**
 * The cost of keeping events for consumers on Redis, which nodes know of consumers, and the events that a dying node
 * leaves.
 */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { openRedisEngine } from '../../src/engine/redis/engine.ts';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { KnownConsumers } from '../../src/engine/redis/known-consumers.ts';
import { defineScripts } from '../../src/engine/redis/scripts.ts';
import { partitionOf } from '../../src/engine/shared/consumer.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { EVENT_TYPES, type TenantId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { captureLog } from '../support/log.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { sharedRedisUrl } from '../support/shared-redis.ts';
import { StillClock } from '../support/still-clock.ts';
import { alice, createGroup, tenant, text } from '../support/world.ts';

type Engine = Awaited<ReturnType<typeof openRedisEngine>>;
type Command = Parameters<Redis['sendCommand']>[0];

const consumer = { name: 'bot', events: EVENT_TYPES, conversations: null, topics: null };

/** All commands that are sent meanwhile, each in one line. */
async function commandsSent(work: () => Promise<unknown>): Promise<string[]> {
  const { sendCommand } = Redis.prototype;
  const sent: string[] = [];
  Redis.prototype.sendCommand = function (command: Command, stream) {
    sent.push([command.name, ...command.args.map(String)].join(' '));
    return sendCommand.call(this, command, stream);
  };
  try {
    await work();
  } finally {
    Redis.prototype.sendCommand = sendCommand;
  }
  return sent;
}

/** Commands that are there for consumers only. */
const forConsumers = (sent: readonly string[]): string[] => sent.filter((each) => /\{[ke]\.|:events/.test(each));

describe('events for consumers on Redis', () => {
  let clock: StillClock;
  let prefix: string;
  const nodes: Engine[] = [];
  const openNode = async (): Promise<Engine> => {
    const node = await openEngineOn(sharedRedisUrl(), { prefix, clock });
    nodes.push(node);
    return node;
  };
  beforeEach(() => {
    clock = new StillClock();
    prefix = `outbox-${randomUUID().slice(0, 8)}`;
  });
  afterEach(async () => {
    await Promise.all(nodes.splice(0).map((node) => node.close()));
  });
  /** The contents of the events; undefined: not of a message. Compare with `toStrictEqual`: an end of undefined counts. */
  const pull = async (node: Engine): Promise<(string | undefined)[]> =>
    ((await node.pullEvents(tenant, 'bot', { member: 'one', max: 100 }))?.events ?? []).map(({ data }) =>
      'content' in data ? data.content : undefined,
    );

  it('without consumers a message costs no extra command, except a periodic check for consumers', async () => {
    const node = await openNode();
    const id = await createGroup(node, alice);
    const send = async (): Promise<void> => {
      for (let n = 0; n < 10; n += 1) await node.appendMessage(tenant, text(id, alice, `${n}`));
    };
    expect(forConsumers(await commandsSent(send))).toEqual([]);
    clock.advance(TIMES.consumersKnownMs);
    const asked = forConsumers(await commandsSent(send));
    expect(asked).toHaveLength(1);
    expect(asked[0]).toContain(':unaware');
  });

  it('with a consumer, consecutive messages of a conversation are noted once', async () => {
    const node = await openNode();
    const id = await createGroup(node, alice);
    await node.saveConsumer(tenant, consumer, 'NOW');
    await node.appendMessage(tenant, text(id, alice, 'first'));
    await eventually(async () => expect(await pull(node)).toEqual(['first']));
    const sent = await commandsSent(async () => {
      await Promise.all(Array.from({ length: 50 }, (_, n) => node.appendMessage(tenant, text(id, alice, `${n}`))));
      await eventually(async () => expect((await node.readProgress(tenant, 'bot'))?.lag).toBe(50));
    });
    expect(sent.filter((each) => /^zadd .*unforwarded/.test(each))).toEqual([]);
  });

  it('a node knows of a bounded number of tenants, and asks again about the one it asked about longest ago', async () => {
    const admin = new Redis(sharedRedisUrl());
    const known = new KnownConsumers(defineScripts(admin), createKeys(prefix, 0), clock);
    const tenants = Array.from({ length: LIMITS.consumingTenants + 1 }, (_, n) => `tenant-${n}` as TenantId);
    for (const each of tenants) expect(await known.has(each)).toBe(false);
    expect(tenants.slice(1).filter((each) => known.has(each) !== false)).toEqual([]);
    expect(await known.has(tenants[0] as TenantId)).toBe(false);
    expect(known.has(tenants[1] as TenantId)).toBeInstanceOf(Promise);
    admin.disconnect();
  });

  it('a node that saves a consumer while it asks for consumers has one', async () => {
    const admin = new Redis(sharedRedisUrl());
    const known = new KnownConsumers(defineScripts(admin), createKeys(prefix, 0), clock);
    const asked = known.has('tenant-of-its-own' as TenantId);
    clock.advance(1);
    known.learn('tenant-of-its-own' as TenantId);
    expect(await asked).toBe(true);
    expect(known.has('tenant-of-its-own' as TenantId)).toBe(true);
    admin.disconnect();
  });

  it('saving the first consumer answers when every node will know of it', async () => {
    const [one, other] = [await openNode(), await openNode()];
    const id = await createGroup(other, alice);
    const saved = await one.saveConsumer(tenant, consumer, 'NOW');
    const ms = saved.outcome === 'saved' ? saved.recordedInMs : 0;
    expect(ms).toBeGreaterThan(0);
    expect(ms).toBeLessThanOrEqual(TIMES.consumersKnownMs + 1);
    // The other node took it that there was none.
    await other.appendMessage(tenant, text(id, alice, 'unheard'));
    clock.advance(TIMES.consumersKnownMs);
    await other.appendMessage(tenant, text(id, alice, 'heard'));
    await eventually(async () => expect(await pull(one)).toEqual(['heard']));
  });

  it('G23: a node forwards its pending events when it closes', async () => {
    const [closing, other] = [await openNode(), await openNode()];
    await other.saveConsumer(tenant, consumer, 'NOW');
    const id = await createGroup(other, alice);
    await eventually(async () => expect(await pull(other)).toStrictEqual([undefined]));
    const contents = Array.from({ length: 20 }, (_, n) => `${n}`);
    // The clock stands still: a pause between two forwardings has no end.
    await Promise.all(contents.map((content) => closing.appendMessage(tenant, text(id, alice, content))));
    await closing.close();
    expect((await other.readProgress(tenant, 'bot'))?.lag).toBe(contents.length);
    clock.advance(TIMES.eventAckMs);
    expect(await pull(other)).toEqual([undefined, ...contents]);
  });

  it('G23: pending events of a dead node are found by the next pull, once and in order', async () => {
    const [dying, other] = [await openNode(), await openNode()];
    await other.saveConsumer(tenant, consumer, 'NOW');
    const id = await createGroup(dying, alice);
    await eventually(async () => expect(await pull(other)).toStrictEqual([undefined]));
    const { sendCommand } = Redis.prototype;
    // It dies before it reads what it kept.
    Redis.prototype.sendCommand = function (command: Command, stream) {
      if (command.name === 'xrange') return Promise.reject(new Error('It is dead.'));
      return sendCommand.call(this, command, stream);
    };
    try {
      expect(await dying.appendMessage(tenant, text(id, alice, 'left behind'))).toMatchObject({ outcome: 'appended' });
      await dying.close();
    } finally {
      Redis.prototype.sendCommand = sendCommand;
    }
    clock.advance(TIMES.eventAckMs);
    expect(await pull(other)).toEqual([undefined, 'left behind']);
    await other.appendMessage(tenant, text(id, alice, 'next'));
    clock.advance(TIMES.eventAckMs);
    await eventually(async () => {
      clock.advance(TIMES.eventAckMs);
      expect(await pull(other)).toEqual([undefined, 'left behind', 'next']);
    });
  });

  it('G23: events whose partition has a damaged key are logged once, and forwarded when it is whole', async () => {
    const { log, lines } = captureLog('error');
    const node = await openEngineOn(sharedRedisUrl(), { prefix, clock, log });
    nodes.push(node);
    const admin = new Redis(sharedRedisUrl());
    const keys = createKeys(prefix, 0);
    const id = await createGroup(node, alice);
    await node.saveConsumer(tenant, consumer, 'NOW');
    const { stream } = keys.partition(tenant, partitionOf(keys.conversation(tenant, id).events.name));
    await admin.set(stream, 'damaged');
    await node.appendMessage(tenant, text(id, alice, 'first'));
    await node.appendMessage(tenant, text(id, alice, 'second'));
    await eventually(() => {
      clock.advance(TIMES.eventsInHandMs);
      expect(lines()).toMatchObject([{ msg: 'events not forwarded', tenant }]);
    });
    await admin.del(stream);
    await eventually(async () => {
      clock.advance(TIMES.eventsInHandMs);
      expect(await pull(node)).toEqual(['first', 'second']);
    });
    expect(lines()).toHaveLength(1);
    admin.disconnect();
  });

  it('G23, F17: a message that Redis stores and refuses to announce is kept for consumers, and its key is known', async () => {
    const server = await startRedisServer();
    const admin = new Redis(server.url);
    const node = await openEngineOn(server.url, { prefix, clock });
    nodes.push(node);
    try {
      await node.saveConsumer(tenant, consumer, 'NOW');
      const id = await createGroup(node, alice);
      await eventually(async () => expect(await pull(node)).toStrictEqual([undefined]));
      const message = text(id, alice, 'unannounced', 'key');
      await admin.call('ACL', 'SETUSER', 'default', 'resetchannels');
      await expect(node.appendMessage(tenant, message)).rejects.toThrow();
      await admin.call('ACL', 'SETUSER', 'default', 'allchannels');
      expect(await node.appendMessage(tenant, message)).toMatchObject({
        outcome: 'duplicate',
        message: { sequence: 1 },
      });
      await eventually(async () => {
        clock.advance(TIMES.eventAckMs);
        expect(await pull(node)).toEqual([undefined, 'unannounced']);
      });
    } finally {
      admin.disconnect();
      await Promise.all(nodes.splice(0).map((each) => each.close()));
      await server.stop();
    }
  });
});
