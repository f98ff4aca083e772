/** Redis loses data, refuses operations, or receives malformed announcements. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { TIMES } from '../../src/limits.ts';
import type { ConversationId, TenantId } from '../../src/model.ts';
import { certainly } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { metric } from '../support/metrics.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { Load } from './load.ts';
import { createRandom } from './random.ts';
import { SEEDS, TEST_MS } from './settings.ts';
import { type FaultWorld, startWorld } from './world.ts';

const CREATE = 'mutation { createConversation(input: {id: "c"}) { id } }';
const SEND = 'mutation { sendMessage(input: {conversationId: "c", content: "x"}) { sequence position } }';
const HEAR = 'subscription { messageReceived(conversationIds: ["c"]) { sequence position content } }';

describe('data of Redis that is lost or changed', () => {
  let redis: RedisServer;
  let service: TestService;
  let prefix: string;
  beforeEach(async () => {
    redis = await startRedisServer();
    prefix = `test-${randomUUID().slice(0, 8)}`;
    service = await startTestService({ env: { REDIS_URL: redis.url, REDIS_PREFIX: prefix } });
    await certainly(service, 'alice', CREATE);
  });
  afterEach(async () => {
    await service.close();
    await redis.stop();
  });

  it.each([
    ['F5: a restart with nothing kept', () => redis.restart()],
    [
      'F20: FLUSHALL',
      async () => {
        const client = new Redis(redis.url);
        await client.flushall();
        client.disconnect();
      },
    ],
  ])('G04, %s: the stream ends with a reason, and positions stay unique', async (_, lose) => {
    const alice = await service.connect('alice');
    const heard = await alice.subscribe(HEAR);
    const before = await service.query('alice', SEND);
    await eventually(() => expect(heard.events).toHaveLength(1));
    await lose();
    await eventually(async () => expect((await service.query('alice', CREATE)).errors).toBeUndefined());
    const after = await service.query('alice', SEND);
    expect(after.data.sendMessage.sequence).toBe(1);
    expect(after.data.sendMessage.position).not.toBe(before.data.sendMessage.position);
    service.clock.advance(TIMES.headCheckMs);
    await eventually(() => expect(heard.errors.length).toBeGreaterThan(0));
    expect(heard.events).toHaveLength(1);
    const resumed = await alice.subscribe(
      HEAR.replace('["c"]', `["c"], after: ["${before.data.sendMessage.position}"]`),
    );
    await eventually(() => expect(resumed.errors[0]?.extensions.code).toBe('POSITION_EXPIRED'));
    await alice.close();
  });

  it('F22: malformed announcements reach no client and make no gap', async () => {
    const alice = await service.connect('alice');
    const heard = await alice.subscribe(HEAR);
    const client = new Redis(redis.url);
    const { channel } = createKeys(prefix, 0).conversation('default' as TenantId, 'c' as ConversationId);
    await service.query('alice', SEND);
    const rubbish = [
      '',
      'null',
      '{',
      '[]',
      '{"type":"message"}',
      '{"type":"message","message":{}}',
      'x'.repeat(1_000_000),
    ];
    const forged = JSON.stringify({
      type: 'message',
      change: 'SENT',
      message: { id: 'm', conversationId: 'c', content: 'forged', position: { epoch: 'e', place: 7 } },
    });
    for (const text of [...rubbish, forged]) expect(await client.spublish(channel, text)).toBeGreaterThan(0);
    // Of a release to come: ignored as well, and counted.
    await client.spublish(channel, JSON.stringify({ type: 'pinned', id: 'm' }));
    await eventually(async () => expect(await metric(service.url, 'realtime_unknown_announcements_total')).toBe(1));
    await service.query('alice', SEND);
    await eventually(() => expect(heard.events).toHaveLength(2));
    expect(heard.events.map((event) => event.messageReceived.sequence)).toEqual([1, 2]);
    expect(heard.errors).toEqual([]);
    client.disconnect();
    await alice.close();
  });

  it('F18: a node that starts while Redis accepts no more clients waits, and starts when there is room', async () => {
    const client = new Redis(redis.url);
    await client.config('SET', 'maxclients', '1');
    const starting = startTestService({ env: { REDIS_URL: redis.url } });
    await eventually(async () => {
      const rejected = /rejected_connections:(\d+)/.exec(await client.info('stats'))?.[1];
      expect(Number(rejected)).toBeGreaterThan(0);
    });
    await client.config('SET', 'maxclients', '1000');
    const late = await starting;
    expect((await fetch(`${late.url}/health/ready`)).status).toBe(200);
    await late.close();
    client.disconnect();
  });
});

describe.each(SEEDS)('operations that Redis refuses for a while, seed %i', (seed) => {
  let world: FaultWorld;
  let load: Load;
  beforeEach(async () => {
    world = await startWorld();
    load = await Load.start(world.nodes, createRandom(seed));
  });
  afterEach(async () => {
    await load.close();
    await world.close();
  });

  it.each([
    [
      'F14: it is a replica',
      ['REPLICAOF', '127.0.0.1', '1'],
      ['REPLICAOF', 'NO', 'ONE'],
      async (redis: Redis) => {
        expect(await redis.info('errorstats')).toContain('errorstat_READONLY');
      },
    ],
    [
      'F17: rights on channels are withdrawn',
      ['ACL', 'SETUSER', 'default', 'resetchannels'],
      ['ACL', 'SETUSER', 'default', 'allchannels'],
      async (redis: Redis) => {
        expect(await redis.call('ACL', 'LOG')).not.toEqual([]);
      },
    ],
  ] as const)(
    'G07, %s: every client reaches the head afterwards',
    async (_, refuse, allow, isRefused) => {
      const client = new Redis(world.redis.url);
      await client.call(...(refuse as readonly string[] as [string]));
      await eventually(() => isRefused(client));
      await client.call(...(allow as readonly string[] as [string]));
      client.disconnect();
      await load.goesOn();
      expect(await load.verdict()).toEqual([]);
    },
    TEST_MS,
  );
});
