import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import type { Channel, Engine } from '../../src/engine/port.ts';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { definitionsOf, linked } from '../../src/engine/redis/linking.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { PublicationId, Retention, RoutingRuleRecord, Topic, TopicPolicyRecord } from '../../src/model.ts';
import { endTexts, KEPT } from '../contract/ended-texts.ts';
import { describeEngine } from '../contract/engine.ts';

import { session } from '../contract/sessions.ts';
import { eventually } from '../support/eventually.ts';
import { openEngineOn, openTwoNodes } from '../support/redis-engine.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { StillClock } from '../support/still-clock.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { type MovableClock, TestClock } from '../support/test-clock.ts';
import {
  alice,
  connectionId,
  createGroup,
  deviceId,
  type OpenWorld,
  record,
  tenant,
  text,
  userId,
} from '../support/world.ts';
import { countWrites } from '../support/writes.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.stop());

const openNode = (
  prefix: string,
  clock: MovableClock,
  retention: Retention = null,
  url = server.url,
  ignored: () => void = () => undefined,
): Promise<Engine> => openEngineOn(url, { prefix, clock, retention, ignored, presenceGraceMs: 5_000 });

const open: OpenWorld = (options) => openTwoNodes(server.url, options);

it('a script has the shared functions that it uses, those that these use, and no others', () => {
  const library = `local UNIT = 'ms'
-- Not mistaken, though it names other.
local function time() return 1 .. UNIT end
local function other() return 2 end
local function later()
  return time()
end
`;
  const script = '-- Not one of other.\nreturn later()';
  const [unit, time, , later] = definitionsOf(library).map(({ lua }) => lua);
  expect(() => definitionsOf(library, 'local time = 2')).toThrow('time is defined twice.');
  expect(linked(script, definitionsOf(library))).toBe([unit, time, later, script].join('\n'));
});

it('the scripts remember as many lives of a log as the other engine', () => {
  const prelude = readFileSync(new URL('../../src/engine/redis/lua/prelude.lua', import.meta.url), 'utf8');
  expect(prelude).toContain(`while #lineage > ${LIMITS.rememberedEpochs} do`);
});

describe('Redis engine', () => {
  describeEngine(open);

  it('G07: a connection that answers and hears nothing is replaced', async () => {
    const clock = new TestClock();
    const network = await startTcpProxy(server.port);
    const engine = await openNode(randomUUID(), clock, null, `redis://127.0.0.1:${network.port}`);
    const id = await createGroup(engine, alice);
    const { heard, interruptions, listening } = await record(engine, { kind: 'conversation', tenant, id });
    const before = network.accepted;
    network.dropPublished();
    await eventually(async () => {
      clock.advance(4_000);
      // Time goes on no faster than Redis answers, however far away it is.
      await engine.checkHealth();
      expect(network.accepted).toBeGreaterThan(before);
    });
    await eventually(() => expect(interruptions()).toBeGreaterThan(0));
    await engine.appendMessage(tenant, text(id, alice, 'heard again'));
    await eventually(() => expect(heard.filter(({ type }) => type === 'message')).toHaveLength(1));
    await listening.close();
    await engine.close();
    await network.close();
  });

  it('G07: whatever is announced and lost on the way, while no connection breaks, makes those who listen read again', async () => {
    const clock = new TestClock();
    const prefix = `lost-${randomUUID()}`;
    const other = await openNode(prefix, clock);
    const network = await startTcpProxy(server.port);
    const engine = await openNode(prefix, clock, null, `redis://127.0.0.1:${network.port}`);
    const id = await createGroup(other, alice);
    const rename = (name: string): Promise<unknown> => other.renameConversation(tenant, id, name);
    const revoke = (name: string): Promise<unknown> =>
      other.writeSession(tenant, session(name, 1, { expiresAt: clock.now() + 60_000 }), []);
    /** A change of each kind of channel, which is announced there. */
    const changes: Record<Channel['kind'], readonly [Channel['id'], () => Promise<unknown>]> = {
      conversation: [id, () => rename('lost')],
      presence: [alice, () => other.setStatus(tenant, alice, 'BUSY', null)],
      memberships: [alice, () => createGroup(other, alice)],
      sessions: [alice, () => revoke('lost')],
      topic: [
        'news' as Topic,
        () =>
          other.publish(tenant, {
            id: randomUUID() as PublicationId,
            topic: 'news' as Topic,
            payload: 1,
            senderId: alice,
          }),
      ],
      'routing-rules': [tenant, () => other.saveRoutingRule(tenant, { id: 'lost', updatedAt: 1 } as RoutingRuleRecord)],
      'topic-policies': [tenant, () => other.saveTopicPolicy(tenant, { pattern: 'lost' } as TopicPolicyRecord)],
    };
    await other.connect(tenant, alice, {
      connectionId: connectionId('one'),
      deviceId: null,
      connectionType: 'SSE',
      sessionId: null,
    });
    const kinds = Object.keys(changes) as Channel['kind'][];
    const log = await createGroup(other, alice);
    const channels = [
      ...kinds.map((kind) => ({ kind, tenant, id: changes[kind][0] }) as Channel),
      { kind: 'conversation', tenant, id: log } as const,
    ];
    const recorded = await Promise.all(channels.map((channel) => record(engine, channel)));
    const interruptions = (): number[] => recorded.map((each) => each.interruptions());
    // As whoever listens does: what is stored before that is no news.
    await engine.readConversations(tenant, [id]);
    network.dropPublished();
    for (const kind of kinds) await changes[kind][1]();
    await other.appendMessage(tenant, text(log, alice, 'lost'));
    await eventually(() => expect(network.dropped).toBeGreaterThanOrEqual(channels.length));
    network.carry();
    // Heard later, the conversation itself does not hide that its message was not.
    await other.renameConversation(tenant, log, 'heard');
    await eventually(() => expect(recorded.at(-1)?.heard).toHaveLength(1));
    const { accepted } = network;
    expect(interruptions()).toEqual(channels.map(() => 0));
    clock.advance(TIMES.headCheckMs);
    await eventually(() => expect(interruptions()).toEqual(channels.map(() => 1)));
    // Nobody is told twice.
    clock.advance(TIMES.headCheckMs);
    await rename('heard');
    await revoke('heard');
    await eventually(() => expect(recorded[0]?.heard).toHaveLength(1));
    expect(interruptions()).toEqual(channels.map(() => 1));
    // Of a chain of changes one is lost: the next shows it.
    network.dropPublished();
    await rename('lost');
    await revoke('lost, too');
    await eventually(() => expect(network.dropped).toBeGreaterThanOrEqual(channels.length + 2));
    network.carry();
    await rename('heard');
    await revoke('heard, too');
    await eventually(() =>
      expect(interruptions()).toEqual(
        kinds.map((kind) => (kind === 'conversation' || kind === 'sessions' ? 2 : 1)).concat(1),
      ),
    );
    expect(network.accepted).toBe(accepted);
    await Promise.all(recorded.map(({ listening }) => listening.close()));
    await Promise.all([engine.close(), other.close()]);
    await network.close();
  });

  it('keeps for ever what conversations, users and nodes are made of; all else has a time to live', async () => {
    const clock = new TestClock();
    const prefix = `kept-${randomUUID()}`;
    const engine = await openNode(prefix, clock);
    const id = await createGroup(engine, alice, userId('bob'));
    await engine.appendMessage(tenant, text(id, alice, 'x', 'key'));
    await engine.removeMember(tenant, id, userId('bob'), null);
    await engine.setTyping(tenant, id, alice, true);
    const publication = { id: randomUUID() as PublicationId, topic: 'news' as Topic, payload: 1, senderId: alice };
    await engine.publish(tenant, { ...publication, key: { id: 'key', digest: 'digest' } });
    await engine.writeSession(tenant, session('one', 1, { expiresAt: clock.now() + 60_000 }), []);
    await engine.writeBookmark(tenant, alice, 'phone', new Map());
    await engine.refuseTokens(tenant, alice, 1);
    await engine.connect(tenant, alice, {
      connectionId: connectionId('one'),
      deviceId: deviceId('phone'),
      connectionType: 'SSE',
      sessionId: null,
    });
    const admin = new Redis(server.url);
    const keys = await admin.keys(`${prefix}*`);
    const lives = await Promise.all(keys.map((key) => admin.pttl(key)));
    const lasting = keys
      .filter((_, index) => lives[index] === -1)
      .map((key) => key.slice(prefix.length + 1).replace(/^\{(\w+)\.?[^}]*\}/, '$1'));
    admin.disconnect();
    await engine.close();
    const ofConversations = ['c:joins', 'c:log', 'c:members', 'c:messages', 'c:meta'];
    const ofLists = ['conversations', 'entries', 'joined', 'left', 'log', 'log-state', 'order', 'unread'];
    const ofUsers = [...ofLists, 'places', 'presence', 'refusal'].sort();
    const ofNodes = ['node:connections', 'nodes:leases'];
    // What a node has in hand is there until 100 ms after it was done.
    const kept = new Set(lasting.filter((key) => key !== 'l:unlisted'));
    const ofUser = ofUsers.map((key) => `u:${key}`);
    expect([...kept].sort()).toEqual([...ofConversations, ...ofNodes, 'schema', ...ofUser]);
  });

  it('G05: says when announcements may be missing, after everything wanted is heard again', async () => {
    const world = await open();
    const admin = new Redis(server.url);
    const id = await createGroup(world.engine, alice);
    const { heard, interruptions, listening } = await record(world.engine, { kind: 'conversation', tenant, id });
    const before = interruptions();
    await admin.client('KILL', 'TYPE', 'PUBSUB');
    await eventually(() => expect(interruptions()).toBeGreaterThan(before));
    await world.other.appendMessage(tenant, text(id, alice, 'after the break'));
    await eventually(() => expect(heard).toHaveLength(1));
    await listening.close();
    admin.disconnect();
    await world.close();
  });

  it('an append is the same few commands at any length of the text', async () => {
    const { engine, close } = await open();
    const id = await createGroup(engine, alice);
    const started = await engine.startMessage(tenant, { ...text(id, alice, 'x'.repeat(3_000)), isHeld: false });
    if (!('message' in started)) throw new Error(started.outcome);
    const admin = new Redis(server.url);
    const monitor = await admin.monitor();
    const commands: string[] = [];
    monitor.on('monitor', (_time: string, [command, key = '']: string[], source: string) => {
      const of = /\{c\.[^}]*\}:(members|messages|streams|texts|channel)$/.exec(key)?.[1];
      if (source === 'lua' && of) commands.push(`${command?.toUpperCase()} ${of}`);
    });
    const change = { senderId: alice, text: ' a token', payload: undefined, paceMs: 10 };
    await engine.appendText(tenant, started.message.id, { ...change, offset: 3_000 });
    await eventually(() => expect(commands).toContain('SPUBLISH channel'));
    monitor.disconnect();
    admin.disconnect();
    await close();
    const looks = ['HGET messages', 'HGET streams', 'HEXISTS members'];
    expect(commands).toEqual([...looks, 'HGET texts', 'HSET texts', 'HSET streams', 'SPUBLISH channel']);
  });

  it('what is asked in one turn of the event loop leaves in one write, and the next turn waits for no answer', async () => {
    const engine = await openNode(`writes-${randomUUID()}`, new StillClock());
    const answers: Promise<unknown>[] = [];
    const ask = () => {
      for (let n = 0; n < 20; n += 1) answers.push(engine.readPresence(tenant, [alice]));
    };
    expect([await countWrites(ask), await countWrites(ask)]).toEqual([1, 1]);
    expect(await Promise.all(answers)).toHaveLength(40);
    await engine.close();
  });

  it('connections that arrive in one turn of the event loop are listed for their node by one command', async () => {
    const prefix = `listed-${randomUUID()}`;
    const engine = await openNode(prefix, new StillClock());
    const admin = new Redis(server.url);
    const monitor = await admin.monitor();
    const listed: number[] = [];
    monitor.on('monitor', (_time: string, [command, key = '', ...members]: string[]) => {
      if (command === 'sadd' && key.startsWith(`${prefix}:{node.`)) listed.push(members.length);
    });
    const ids = Array.from({ length: 30 }, (_, n) => connectionId(`${n}`));
    const kind = { deviceId: null, connectionType: 'SSE', sessionId: null } as const;
    await Promise.all(ids.map((id) => engine.connect(tenant, alice, { ...kind, connectionId: id })));
    await eventually(() => expect(listed).toEqual([30]));
    monitor.disconnect();
    admin.disconnect();
    await engine.close();
  });

  it('G20: of texts that are not written any more nothing is left but their messages', async () => {
    const clock = new TestClock();
    const prefix = `ended-${randomUUID()}`;
    const engine = await openNode(prefix, clock, KEPT);
    await endTexts(engine, (ms) => clock.advance(ms));
    const admin = new Redis(server.url);
    const keys = await admin.keys(`${prefix}*`);
    admin.disconnect();
    await engine.close();
    expect(keys.filter((key) => /:(streams|texts)$/.test(key))).toEqual([]);
  });

  it('scripts are loaded again after SCRIPT FLUSH', async () => {
    const world = await open();
    const admin = new Redis(server.url);
    const id = await createGroup(world.engine, alice);
    await admin.script('FLUSH');
    expect(await world.engine.appendMessage(tenant, text(id, alice, 'x'))).toMatchObject({ outcome: 'appended' });
    admin.disconnect();
    await world.close();
  });

  it('what is not ours on a channel is dropped, and makes the listener look again', async () => {
    const world = await open();
    const admin = new Redis(server.url);
    const id = await createGroup(world.engine, alice);
    const { heard, interruptions, listening } = await record(world.engine, { kind: 'conversation', tenant, id });
    const [channel] = (await admin.call('PUBSUB', 'SHARDCHANNELS')) as string[];
    const before = interruptions();
    for (const poison of ['garbage', '{', '{"type":"message"}', 'null', '[]'])
      await admin.spublish(channel ?? '', poison);
    await eventually(() => expect(interruptions() - before).toBe(5));
    expect(heard).toEqual([]);
    await listening.close();
    admin.disconnect();
    await world.close();
  });

  it('F49: an announcement of a newer release is ignored and counted: nobody looks again', async () => {
    const prefix = `test-${randomUUID().slice(0, 8)}`;
    let ignored = 0;
    const engine = await openNode(prefix, new TestClock(), null, server.url, () => {
      ignored += 1;
    });
    const admin = new Redis(server.url);
    const id = await createGroup(engine, alice);
    const { heard, interruptions, listening } = await record(engine, { kind: 'conversation', tenant, id });
    const [channel = ''] = (await admin.call('PUBSUB', 'SHARDCHANNELS')) as string[];
    for (let n = 0; n < 20; n += 1) await admin.spublish(channel, '{"type":"of-a-newer-release","message":{}}');
    await engine.appendMessage(tenant, text(id, alice, 'one'));
    await eventually(() => expect(heard).toHaveLength(1));
    expect([ignored, interruptions()]).toEqual([20, 0]);
    await listening.close();
    admin.disconnect();
    await engine.close();
  });

  it('connects anew when a channel stays missed though the client is ready, ever more seldom, and hears it again', async () => {
    const own = await startRedisServer();
    const admin = new Redis(own.url);
    const rights = (channels: string): Promise<unknown> =>
      admin.call('ACL', 'SETUSER', 'app', 'on', '>pass', '~*', 'resetchannels', channels, '+@all');
    await rights('&*');
    const clock = new TestClock();
    const engine = await openEngineOn(own.url.replace('//', '//app:pass@'), { prefix: 'p', clock });
    /** The connection that listens. */
    const listener = async (): Promise<string> =>
      /^id=(\d+) .* ssub=[1-9]/m.exec(String(await admin.call('CLIENT', 'LIST')))?.[1] ?? 'none';
    const id = await createGroup(engine, alice);
    const { heard, listening } = await record(engine, { kind: 'conversation', tenant, id });
    const first = await listener();
    expect(first).not.toBe('none');
    // Redis cuts off who listens to what it may not hear any more, and then refuses the channel.
    await rights('&q:*');
    await eventually(async () => expect(String(await admin.call('ACL', 'LOG'))).toContain('ssubscribe'));
    const connections = async (): Promise<number> =>
      Number(/total_connections_received:(\d+)/.exec(await admin.info('stats'))?.[1]);
    await eventually(async () => expect(String(await admin.call('ACL', 'LOG'))).toContain('ssubscribe'));
    const before = await connections();
    await eventually(async () => {
      clock.advance(4_000);
      expect(await connections()).toBeGreaterThan(before);
    });
    await rights('&*');
    await eventually(async () => {
      clock.advance(4_000);
      await engine.appendMessage(tenant, text(id, alice, 'again'));
      expect(heard.length).toBeGreaterThan(0);
    });
    await listening.close();
    await engine.close();
    admin.disconnect();
    await own.stop();
  });

  it('leaves no subscription behind', async () => {
    const world = await open();
    const admin = new Redis(server.url);
    const id = await createGroup(world.engine, alice);
    const { listening } = await record(world.engine, { kind: 'conversation', tenant, id });
    expect(await admin.call('PUBSUB', 'SHARDCHANNELS')).toHaveLength(1);
    await listening.close();
    await eventually(async () => expect(await admin.call('PUBSUB', 'SHARDCHANNELS')).toHaveLength(0));
    admin.disconnect();
    await world.close();
  });

  it('G11: who goes while they are being recorded leaves nothing behind, and who could not be removed can be later', async () => {
    const clock = new TestClock();
    const network = await startTcpProxy(server.port);
    const engine = await openNode(randomUUID(), clock, null, `redis://127.0.0.1:${network.port}`);
    const connection = (id: string) =>
      ({ connectionId: connectionId(id), deviceId: null, connectionType: 'SSE', sessionId: null }) as const;
    const status = async () => (await engine.readPresence(tenant, [alice]))[0]?.status;
    const arriving = engine.connect(tenant, alice, connection('short'));
    await engine.disconnect(tenant, alice, connectionId('short'));
    await arriving;
    expect(await status()).toBe('OFFLINE');
    await engine.connect(tenant, alice, connection('long'));
    expect(await status()).toBe('ONLINE');
    // Nobody listens there: what is asked is not done.
    network.redirect(1);
    await expect(engine.disconnect(tenant, alice, connectionId('long'))).rejects.toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
    });
    network.lead(server.port);
    await eventually(() => engine.disconnect(tenant, alice, connectionId('long')));
    expect(await status()).toBe('OFFLINE');
    await engine.close();
    await network.close();
  });

  it('G11: a dead node’s users are gone after its lease and a sweep; a node declared dead by mistake comes back', async () => {
    const prefix = `test-${randomUUID().slice(0, 8)}`;
    const [aliveClock, stoppedClock] = [new TestClock(), new TestClock()];
    const alive = await openNode(prefix, aliveClock);
    const stopped = await openNode(prefix, stoppedClock);
    const who = userId('zombie');
    await stopped.connect(tenant, who, {
      connectionId: connectionId('c1'),
      deviceId: deviceId('phone'),
      sessionId: null,
      connectionType: 'GRAPHQL_WS',
    });
    const status = async () => (await alive.readPresence(tenant, [who]))[0]?.status;
    aliveClock.advance(TIMES.nodeLeaseMs - 2_000);
    expect(await status()).toBe('ONLINE');
    aliveClock.advance(TIMES.nodeRenewMs);
    await eventually(async () => expect(await status()).toBe('OFFLINE'));
    stoppedClock.advance(TIMES.nodeRenewMs);
    await eventually(async () => expect(await status()).toBe('ONLINE'));
    await stopped.close();
    await alive.close();
  });

  it('G11: what a node records after it was declared dead by mistake is swept, though it is killed before it renews its lease', async () => {
    const prefix = `test-${randomUUID().slice(0, 8)}`;
    const aliveClock = new TestClock();
    const alive = await openNode(prefix, aliveClock);
    const stalled = await openNode(prefix, new StillClock());
    const admin = new Redis(server.url);
    const leases = () => admin.zcard(`${prefix}:{nodes}:leases`);
    aliveClock.advance(TIMES.nodeLeaseMs + TIMES.nodeRenewMs);
    await eventually(async () => expect(await leases()).toBe(1));
    const who = userId('late');
    await stalled.connect(tenant, who, {
      connectionId: connectionId('late'),
      deviceId: null,
      sessionId: null,
      connectionType: 'GRAPHQL_WS',
    });
    // It has a name again that can be declared dead: its clock has not moved since.
    await eventually(async () => expect(await leases()).toBe(2));
    await eventually(async () => {
      aliveClock.advance(TIMES.nodeRenewMs);
      expect((await alive.readPresence(tenant, [who]))[0]?.status).toBe('OFFLINE');
    });
    admin.disconnect();
    await stalled.close();
    await alive.close();
  });

  it('a conversation whose keys are broken fails alone, though others are read with it', async () => {
    const prefix = randomUUID();
    const engine = await openNode(prefix, new TestClock());
    const admin = new Redis(server.url);
    const ids = [await createGroup(engine, alice), await createGroup(engine, alice)] as const;
    const { members } = createKeys(prefix, 0).conversation(tenant, ids[0]);
    expect(await admin.del(members)).toBe(1);
    await admin.set(members, 'broken');
    const reads = ids.map((conversationId) => engine.readMemberships(tenant, [{ conversationId, userId: alice }]));
    expect((await Promise.allSettled(reads)).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    admin.disconnect();
    await engine.close();
  });

  it('G11: one of the nodes that are left sweeps a dead one, and each of its connections is removed once', async () => {
    const prefix = `test-${randomUUID().slice(0, 8)}`;
    const count = 250;
    const users = Array.from({ length: count }, (_, n) => userId(`user-${n}`));
    const admin = new Redis(server.url);
    const left = await Promise.all(Array.from({ length: 3 }, () => openNode(prefix, new TestClock())));
    const clocks = Array.from({ length: 3 }, () => new TestClock());
    const survivors = await Promise.all(clocks.map((clock) => openNode(prefix, clock)));
    for (const who of users) {
      await left[0]?.connect(tenant, who, {
        connectionId: connectionId(`of-${who}`),
        deviceId: deviceId('phone'),
        sessionId: null,
        connectionType: 'GRAPHQL_WS',
      });
    }
    await admin.config('RESETSTAT');
    for (const clock of clocks) clock.advance(TIMES.nodeLeaseMs + TIMES.nodeRenewMs);
    await eventually(async () => {
      expect(await admin.zcard(`${prefix}:{nodes}:leases`)).toBe(survivors.length);
      expect(await admin.exists(`${prefix}:{nodes}:dead`)).toBe(0);
    });
    // A script of each of them removes it; the others renew leases and look for dead nodes.
    const [, scripts] = /cmdstat_evalsha:calls=(\d+)/.exec(await admin.info('commandstats')) ?? [];
    expect(Number(scripts)).toBeLessThan(1.5 * count);
    const presences = await survivors[0]?.readPresence(tenant, users.slice(-100));
    expect([...new Set(presences?.map(({ status }) => status))]).toEqual(['OFFLINE']);
    admin.disconnect();
    for (const engine of [...left, ...survivors]) await engine.close();
  });

  it('G04: a restart of the server begins a new epoch, and what was kept still resumes', async () => {
    const world = await open();
    const id = await createGroup(world.engine, alice);
    const append = await world.engine.appendMessage(tenant, text(id, alice, 'one'));
    if (!('message' in append)) throw new Error(append.outcome);
    const admin = new Redis(server.url);
    const keys = await admin.keys('*meta');
    const meta = keys.find((key) => key.includes(Buffer.from(tenant).toString('base64url'))) ?? '';
    for (const key of keys) await admin.hset(key, 'history', 'another');
    expect(meta).not.toBe('');
    const next = await world.engine.appendMessage(tenant, text(id, alice, 'two'));
    if (!('message' in next)) throw new Error(next.outcome);
    expect(next.message.position.epoch).not.toBe(append.message.position.epoch);
    const page = await world.engine.readLog(tenant, id, append.message.position, 10);
    expect(page).toMatchObject({ outcome: 'read', entries: [{ message: next.message }] });
    const lost = { ...append.message.position, place: 2 };
    expect(await world.engine.readLog(tenant, id, lost, 10)).toEqual({ outcome: 'expired', reason: 'DIVERGED' });
    admin.disconnect();
    await world.close();
  });
});
