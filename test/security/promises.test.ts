/** Promises of access that depend on one moment. Each was once broken by a small change that no test noticed. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { actFor } from '../../src/access/acting.ts';
import { createStandingOf } from '../../src/access/gateway.ts';
import { type ConfigError, readConfig } from '../../src/config.ts';
import type { Engine } from '../../src/engine/port.ts';
import { TIMES } from '../../src/limits.ts';
import type { TenantId, UserId, Viewer } from '../../src/model.ts';
import { connectClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { openStream } from '../support/http-stream.ts';
import { connectRaw } from '../support/raw-client.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';

const BEGIN = 'mutation { createSession(input: {deviceId: "phone"}) { session { id } accessToken } }';

it('only access/seen.ts creates a value of type Seen', () => {
  const root = new URL('../../src/', import.meta.url);
  const files = readdirSync(root, { recursive: true }).map(String);
  const elsewhere = files.filter((file) => file.endsWith('.ts') && file !== join('access', 'seen.ts'));
  const claims = elsewhere.filter((file) => /\bas (unknown as )?Seen/.test(readFileSync(new URL(file, root), 'utf8')));
  expect(elsewhere.length).toBeGreaterThan(100);
  expect(claims).toEqual([]);
});

it('only a service acts for another user, and without its own rights', () => {
  const viewer = (scope: string): Viewer => ({
    tenant: 'default' as TenantId,
    userId: 'bot' as UserId,
    scopes: new Set([scope]),
    sessionId: null,
    deviceId: null,
    topics: { publish: ['orders'], subscribe: null },
    issuedAt: 1,
    expiresAt: 2,
  });
  expect(() => actFor(viewer('realtime:admin'), 'ann' as UserId)).toThrow('may act for users');
  const service = viewer('realtime:service');
  expect(actFor(service, 'bot' as UserId)).toBe(service);
  const own = { scopes: new Set(), sessionId: null, deviceId: null, topics: { publish: null, subscribe: null } };
  expect(actFor(service, 'ann' as UserId)).toEqual({ ...service, userId: 'ann', ...own, actor: service });
});

describe('promises of access', () => {
  let service: TestService;
  let engine: { -readonly [Name in keyof Engine]: Engine[Name] };
  let unhooked: Engine;
  beforeAll(async () => {
    service = await startTestService();
    engine = service.service.engine;
    unhooked = { ...engine };
  });
  afterEach(() => Object.assign(engine, unhooked));
  afterAll(() => service.close());

  const run = async (userId: string, mutation: string): Promise<Data> =>
    (await service.query(userId, `mutation { ${mutation} }`)).data;
  const begin = async (userId: string): Promise<Data> => (await service.query(userId, BEGIN)).data.createSession;
  const end = (userId: string, id: string): Promise<Data> => run(userId, `revokeSession(id: "${id}") { id }`);

  it('G08: a session that ends between the check of its token and the join of its channel is refused', async () => {
    const { accessToken, session } = await begin('ann');
    engine.listen = async (channel, listener) => {
      if (channel.kind === 'sessions') await end('ann', session.id);
      return unhooked.listen(channel, listener);
    };
    const client = await connectClient(service.wsUrl, accessToken);
    await eventually(() => expect(client.closes[0]?.code).toBe(4401));
  });

  it('G08: a missed end of a session is found after the interruption, also after failures of the engine', async () => {
    const { accessToken, session } = await begin('bob');
    let interrupt = (): void => undefined;
    engine.listen = (channel, listener) => {
      if (channel.kind !== 'sessions') return unhooked.listen(channel, listener);
      interrupt = () => listener.onInterrupted();
      return unhooked.listen(channel, { ...listener, onAnnouncement: () => undefined });
    };
    const client = await connectClient(service.wsUrl, accessToken);
    await end('bob', session.id);
    let failures = 2;
    engine.readRefusal = async (...key) => {
      failures -= 1;
      if (failures >= 0) throw new Error('away');
      return unhooked.readRefusal(...key);
    };
    interrupt();
    await eventually(() => {
      service.clock.advance(250);
      expect(client.closes[0]?.code).toBe(4401);
    });
    expect(failures).toBeLessThan(0);
  });

  it('G08: a missed removal of a member is found after the interruption, also after failures of the engine', async () => {
    const id = newId();
    await run('ann', `createConversation(input: {id: "${id}", memberIds: ["dan"]}) { id }`);
    let interrupt = (): void => undefined;
    let isDeaf = false;
    engine.listen = (channel, listener) => {
      if (channel.kind !== 'conversation') return unhooked.listen(channel, listener);
      interrupt = () => listener.onInterrupted();
      const onAnnouncement: typeof listener.onAnnouncement = (each) => isDeaf || listener.onAnnouncement(each);
      return unhooked.listen(channel, { ...listener, onAnnouncement });
    };
    const client = await service.connect('dan');
    const live = await client.subscribe(`subscription { messageReceived(conversationIds: ["${id}"]) { content } }`);
    isDeaf = true;
    await unhooked.removeMember('default' as never, id as never, 'dan' as never, null);
    let failures = 2;
    engine.readMemberships = async (...key) => {
      failures -= 1;
      if (failures >= 0) throw new Error('away');
      return unhooked.readMemberships(...key);
    };
    interrupt();
    isDeaf = false;
    await run('ann', `sendMessage(input: {conversationId: "${id}", content: "not for dan"}) { id }`);
    await eventually(() => {
      service.clock.advance(250);
      expect(live.errors[0]?.extensions.code).toBe('FORBIDDEN');
    });
    expect([live.events, failures < 0]).toEqual([[], true]);
    await client.close();
  });

  it('G08: a member removed while their stream opens receives nothing from it', async () => {
    const id = newId();
    await run('ann', `createConversation(input: {id: "${id}", memberIds: ["cid"]}) { id }`);
    const client = await service.connect('cid');
    let isFirst = true;
    engine.readMemberships = async (...key) => {
      const before = await unhooked.readMemberships(...key);
      // Answered as it was: the removal is heard of by the channel.
      if (isFirst) {
        isFirst = false;
        await unhooked.removeMember(key[0], key[1][0]?.conversationId as never, 'cid' as never, null);
      }
      return before;
    };
    const live = await client.subscribe(`subscription { messageReceived(conversationIds: ["${id}"]) { content } }`);
    await run('ann', `sendMessage(input: {conversationId: "${id}", content: "not for cid"}) { id }`);
    await eventually(() => expect(live.isOver).toBe(true));
    expect(live.events).toEqual([]);
    await client.close();
  });

  it('G08: an event that is being rendered when its reader is removed is not delivered', async () => {
    const ids = [newId(), newId()];
    for (const id of ids) await run('ann', `createConversation(input: {id: "${id}", memberIds: ["cid"]}) { id }`);
    const [lost = '', kept = ''] = ids;
    const client = await service.connect('cid');
    const below = '{ messageReceived(conversationIds: $ids) { content conversation { lastMessage { content } } } }';
    const listen = (named: readonly string[] | null) =>
      client.subscribe(`subscription ($ids: [ID!]) ${below}`, { ids: named });
    const [all, one] = [await listen(null), await listen([lost])];
    let goOn = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let isHeld = false;
    engine.readConversations = async (...key) => {
      const isRendering = key[1].length === 1 && key[1][0] === lost;
      isHeld ||= isRendering;
      if (isRendering) await held;
      return unhooked.readConversations(...key);
    };
    await run('ann', `sendMessage(input: {conversationId: "${lost}", content: "before"}) { id }`);
    await eventually(() => expect(isHeld).toBe(true));
    Object.assign(engine, unhooked);
    await unhooked.removeMember('default' as never, lost as never, 'cid' as never, null);
    await run('ann', `sendMessage(input: {conversationId: "${lost}", content: "after"}) { id }`);
    goOn();
    await eventually(() => expect(one.errors[0]?.extensions.code).toBe('FORBIDDEN'));
    await run('ann', `sendMessage(input: {conversationId: "${kept}", content: "kept"}) { id }`);
    expect((await all.next()).messageReceived.content).toBe('kept');
    expect(one.events).toEqual([]);
    await client.close();
  });

  it('an unexpected fault is answered without its message, over every transport', async () => {
    engine.setStatus = async () => {
      throw new Error('words of ours');
    };
    engine.readPresence = engine.setStatus as never;
    const told: string[] = [];
    const query = '{ presence(userIds: ["ann"]) { status } }';
    told.push(JSON.stringify(await service.query('ann', query)));
    const token = await service.token('dan');
    const stream = await openStream(service, token, { query }, { accept: 'text/event-stream' });
    await eventually(() => expect(stream.end).not.toBeNull());
    told.push(stream.text);
    const client = await service.connect('dan');
    told.push(JSON.stringify(await client.query(query).catch((error: unknown) => error)));
    const raw = await connectRaw(service, 'dan');
    told.push(JSON.stringify(await raw.ask('Presence', { status: 'AWAY' })));
    for (const each of told) {
      expect(each).toContain('INTERNAL_SERVER_ERROR');
      expect(each).not.toContain('words of ours');
    }
    await Promise.all([client.close(), raw.close()]);
  });

  it('a token is valid for 30 s past its expiry on a socket, too, and no longer', async () => {
    const now = Math.floor(service.clock.now() / 1_000);
    const client = await connectClient(service.wsUrl, await service.token('eve', { expiresAt: now + 1 }));
    // Dates go on while a busy machine gives this process no turn: far enough from either end.
    service.clock.advance(TIMES.clockToleranceMs / 2);
    expect((await client.query('{ viewer { id } }')).data.viewer.id).toBe('eve');
    service.clock.advance(TIMES.clockToleranceMs / 2 + 3_000);
    await eventually(() => expect(client.closes[0]?.code).toBe(4403));
  });
});

it('each of several gateway secrets is accepted, and nothing else', () => {
  const standingOf = createStandingOf(['first-secret', 'second-secret']);
  expect(
    ['first-secret', 'second-secret', 'third-secret', '', null].map((given) => standingOf(given).isProven),
  ).toEqual([true, true, false, false, false]);
});

it('a certificate without its key is refused, and so is a key without its certificate', () => {
  const faults = (environment: Record<string, string>): readonly string[] => {
    try {
      readConfig(environment);
      return [];
    } catch (error) {
      return (error as ConfigError).faults.map((fault) => fault.split(':')[0] ?? '');
    }
  };
  expect(faults({ TLS_CERT_FILE: 'package.json' })).toEqual(['TLS_CERT_FILE']);
  expect(faults({ TLS_KEY_FILE: 'package.json' })).toEqual(['TLS_CERT_FILE']);
  expect(faults({ JWT_ISSUER: 'realtime-communication' })).toEqual(['JWT_ISSUER']);
  expect(faults({ SESSION_MAX_AGE: '0s', SESSION_IDLE: '5000d', ACCESS_TOKEN_LIFETIME: '15' })).toEqual([
    'ACCESS_TOKEN_LIFETIME',
    'SESSION_IDLE',
    'SESSION_MAX_AGE',
  ]);
});

it('a topics claim that is no list of strings allows no topic', async () => {
  const service = await startTestService();
  for (const claim of [42, {}, true, [1]]) {
    const topics = { publish: claim, subscribe: claim } as never;
    const publish = await service.query(
      'ann',
      'mutation { publish(topic: "news", payload: 1) { id } }',
      {},
      { topics },
    );
    expect([claim, publish.code]).toEqual([claim, 'FORBIDDEN']);
    const history = await service.query('ann', '{ topicHistory(topic: "news") { id } }', {}, { topics });
    expect([claim, history.code]).toEqual([claim, 'FORBIDDEN']);
  }
  await service.close();
});
