/** Announcements over Redis: losses are noticed, and the connection recovers. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Channel } from '../../src/engine/port.ts';
import { TIMES } from '../../src/limits.ts';
import type { PublicationId, RoutingRuleRecord, Topic, TopicPolicyRecord } from '../../src/model.ts';
import { session } from '../contract/sessions.ts';
import { eventually } from '../support/eventually.ts';
import { captureLog } from '../support/log.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { StillClock } from '../support/still-clock.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { TestClock } from '../support/test-clock.ts';
import { alice, bob, connectionId, createGroup, record, tenant, text } from '../support/world.ts';
import { RedisWorld } from './redis-world.ts';

const redis = new RedisWorld();
const { open, openNode } = redis;

describe('Redis engine', () => {
  it('G07: a connection that answers but receives no announcements is replaced', async () => {
    const clock = new TestClock();
    const network = await startTcpProxy(redis.server.port);
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

  it('G07: an announcement lost without a broken connection is noticed, on every kind of channel', async () => {
    const clock = new TestClock();
    const prefix = `lost-${randomUUID()}`;
    const other = await openNode(prefix, clock);
    const network = await startTcpProxy(redis.server.port);
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

  it('G07: a connection that fails to answer a ping is replaced, and its listeners read again', async () => {
    const admin = new Redis(redis.server.url);
    await admin.call('ACL', 'SETUSER', 'pinged', 'on', '>pass', '~*', '&*', '+@all');
    const clock = new StillClock();
    const url = redis.server.url.replace('//', '//pinged:pass@');
    const engine = await openNode(randomUUID(), clock, null, url);
    const { interruptions, listening } = await record(engine, { kind: 'presence', tenant, id: alice });
    await admin.call('ACL', 'SETUSER', 'pinged', '-ping');
    clock.advance(4_000);
    await eventually(() => expect(interruptions()).toBe(1));
    await listening.close();
    await engine.close();
    admin.disconnect();
  });

  it('G05: `onInterrupted` is called after every channel is subscribed again', async () => {
    const world = await open();
    const admin = new Redis(redis.server.url);
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

  it('a malformed announcement is dropped, and the listener reads again', async () => {
    const world = await open();
    const admin = new Redis(redis.server.url);
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

  it('F49: an announcement of a newer release is ignored and counted, and nothing is read again', async () => {
    const prefix = `test-${randomUUID().slice(0, 8)}`;
    let ignored = 0;
    const engine = await openNode(prefix, new TestClock(), null, redis.server.url, () => {
      ignored += 1;
    });
    const admin = new Redis(redis.server.url);
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

  it('a channel that cannot be subscribed makes the engine reconnect with growing delays, until it works', async () => {
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

  it('a channel that cannot be subscribed is tried again alone, and interrupts no other', async () => {
    const admin = new Redis(redis.server.url);
    const rights = (channels: string): Promise<unknown> =>
      admin.call('ACL', 'SETUSER', 'partly', 'on', '>pass', '~*', 'resetchannels', channels, '+@all');
    await rights('&*');
    const clock = new StillClock();
    const { log, logged } = captureLog('warn');
    const prefix = `partly-${randomUUID()}`;
    const engine = await openEngineOn(redis.server.url.replace('//', '//partly:pass@'), { prefix, clock, log });
    const { interruptions, listening } = await record(engine, { kind: 'presence', tenant, id: alice });
    const [heard = ''] = (await admin.call('PUBSUB', 'SHARDCHANNELS', `${prefix}*`)) as string[];
    await rights(`&${heard}`);
    const opening = record(engine, { kind: 'presence', tenant, id: bob });
    const again = (tries: number) => logged('subscribing again', Array(tries).fill({ channels: 1 }));
    for (let tries = 1; tries <= 3; tries += 1) {
      await again(tries);
      clock.advance(TIMES.retryMs);
    }
    await again(4);
    expect(interruptions()).toBe(0);
    await rights('&*');
    clock.advance(TIMES.retryMs);
    const opened = await opening;
    expect(interruptions()).toBe(0);
    await Promise.all([listening.close(), opened.listening.close()]);
    await engine.close();
    admin.disconnect();
  });

  it('leaves no subscription behind', async () => {
    const world = await open();
    const admin = new Redis(redis.server.url);
    const id = await createGroup(world.engine, alice);
    const { listening } = await record(world.engine, { kind: 'conversation', tenant, id });
    expect(await admin.call('PUBSUB', 'SHARDCHANNELS')).toHaveLength(1);
    await listening.close();
    await eventually(async () => expect(await admin.call('PUBSUB', 'SHARDCHANNELS')).toHaveLength(0));
    admin.disconnect();
    await world.close();
  });
});
