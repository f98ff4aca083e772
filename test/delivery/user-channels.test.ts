/** The channels of a user's presence and tokens: what they tell, and what they hold back while in doubt. */
import { fixedBearer } from '../../src/access/bearer.ts';
import { ChannelRegistry } from '../../src/delivery/channel-registry.ts';
import { PresenceChannel } from '../../src/delivery/presence/channel.ts';
import { SessionChannel } from '../../src/delivery/sessions/channel.ts';
import { Doubts, type Pausable } from '../../src/delivery/sessions/doubts.ts';
import { createTokenWatch } from '../../src/delivery/sessions/token-watch.ts';
import { TIMES } from '../../src/limits.ts';
import type { PresenceRecord, SessionId, SessionRecord, Viewer } from '../../src/model.ts';
import { alice, bob, carol, connectionId, deviceId, silentLog, tenant, viewerOf } from '../support/world.ts';
import { AWAY, listening, logging } from './listening.ts';
import { TappedEngine } from './tapped-engine.ts';

describe('the channel of a user’s presence', () => {
  async function open() {
    const tap = new TappedEngine();
    const { log, logged, fields } = logging();
    const channel = new PresenceChannel(tap.engine, tap.clock, log, tenant, alice);
    const connect = (id: string, device: string | null = null): Promise<void> =>
      tap.steady.connect(tenant, alice, {
        connectionId: connectionId(id),
        deviceId: device === null ? null : deviceId(device),
        sessionId: null,
        connectionType: 'SSE',
      });
    const add = async (user = bob) => {
      const { heard, listener } = listening<PresenceRecord>();
      (await channel.prepare(user))(listener);
      return {
        listener,
        heard,
        take: () => heard.splice(0).map(({ status, devices }) => `${status} ${devices.length}`),
      };
    };
    return { tap, channel, logged, fields, connect, add };
  }

  it('tells the present state, then each change that is seen', async () => {
    const { tap, channel, connect, add } = await open();
    await connect('one', 'phone');
    await channel.open();
    const one = await add();
    expect(one.take()).toEqual(['ONLINE 1']);
    // The same device again is no change.
    await connect('two', 'phone');
    expect(one.take()).toEqual([]);
    await connect('three', 'desk');
    await tap.steady.setStatus(tenant, alice, 'BUSY', null);
    await tap.steady.setStatus(tenant, alice, 'BUSY', 'in a call');
    expect(one.take()).toEqual(['ONLINE 2', 'BUSY 2', 'BUSY 2']);
    // Nor is a device that connected again, and is the later one now.
    await tap.pass(1);
    await connect('four', 'phone');
    for (const id of ['one', 'two']) await tap.steady.disconnect(tenant, alice, connectionId(id));
    expect(one.take()).toEqual([]);
    channel.remove(one.listener);
    await tap.steady.setStatus(tenant, alice, 'AWAY', null);
    expect(one.take()).toEqual([]);
  });

  it('shows those whom the user blocks a user who was never seen', async () => {
    const { tap, channel, connect, add } = await open();
    await connect('one', 'phone');
    await channel.open();
    const [one, blocked] = [await add(bob), await add(carol)];
    expect([one.take(), blocked.take()]).toEqual([['ONLINE 1'], ['ONLINE 1']]);
    await tap.steady.setBlocked(tenant, alice, carol, true);
    expect([one.take(), blocked.take()]).toEqual([[], ['OFFLINE 0']]);
    await tap.steady.setStatus(tenant, alice, 'BUSY', null);
    expect([one.take(), blocked.take()]).toEqual([['BUSY 1'], []]);
    await tap.steady.setBlocked(tenant, alice, carol, false);
    expect([one.take(), blocked.take()]).toEqual([[], ['BUSY 1']]);
  });

  it('is read again after an interruption, until the engine answers; only a fault is logged', async () => {
    const { tap, channel, logged, fields, connect, add } = await open();
    await channel.open();
    const one = await add();
    one.take();
    await tap.unheard(() => connect('one', 'phone'));
    tap.failNext('readPresence', AWAY);
    tap.failNext('readPresence', new Error('broken'));
    tap.interrupt();
    await tap.pass(TIMES.retryMs - 1);
    expect([one.take(), logged, tap.countOf('readPresence')]).toEqual([[], [], 2]);
    await tap.pass(1);
    expect([one.take(), logged, fields]).toEqual([[], ['error'], [{ tenant, err: new Error('broken') }]]);
    await tap.pass(TIMES.retryMs);
    expect(one.take()).toEqual(['ONLINE 1']);
    // Nothing changed.
    tap.interrupt();
    await tap.pass(TIMES.retryMs);
    expect([one.take(), tap.countOf('readPresence')]).toEqual([[], 5]);
  });

  it('logs why the bus could not be left', async () => {
    const { tap, channel, logged, fields } = await open();
    await channel.open();
    tap.closingFault = new Error('broken');
    channel.close();
    await tap.settle();
    expect([logged, fields]).toEqual([['warn'], [{ err: tap.closingFault }]]);
  });

  it('tells nothing once it was closed', async () => {
    const { tap, channel, connect, add } = await open();
    await connect('one', 'phone');
    await channel.open();
    const one = await add();
    one.take();
    await tap.unheard(() => tap.steady.setStatus(tenant, alice, 'BUSY', null));
    const release = tap.holdNext('readPresence');
    tap.interrupt();
    channel.close();
    await release();
    expect([one.take(), tap.listening]).toEqual([[], 0]);
  });

  it('retries nothing once it was closed', async () => {
    const { tap, channel } = await open();
    await channel.open();
    const pending = tap.clock.pending;
    tap.failNext('readPresence', AWAY);
    tap.interrupt();
    channel.close();
    await tap.settle();
    expect([tap.clock.pending, tap.countOf('readPresence')]).toEqual([pending, 2]);
  });
});

describe('the channel of a user’s tokens', () => {
  async function open() {
    const tap = new TappedEngine();
    const { log, logged } = logging();
    const turned: boolean[] = [];
    const channel = new SessionChannel(tap.engine, tap.clock, log, viewerOf(alice), (isInDoubt) =>
      turned.push(isInDoubt),
    );
    await channel.open();
    const ended: string[] = [];
    const hold = (name: string, more: Partial<Viewer> = {}) => {
      const bearer = fixedBearer(viewerOf(alice, { issuedAt: tap.clock.now(), ...more }));
      const holder = { bearer, onTokenEnd: () => void ended.push(name) };
      channel.watch(holder);
      return holder;
    };
    return { tap, channel, logged, turned, ended, hold };
  }
  const session = (id: string, isRevoked: boolean) => ({ type: 'session', id: id as SessionId, isRevoked }) as const;

  it('tells the holders of the revoked token, and no other', async () => {
    const { tap, channel, ended, hold } = await open();
    hold('one', { sessionId: 's1' as SessionId });
    hold('two', { sessionId: 's2' as SessionId });
    const left = hold('left', { sessionId: 's1' as SessionId });
    hold('of the platform');
    // Every revocation of all tokens ends it, and nothing else.
    hold('without a time', { issuedAt: null });
    channel.forget(left);
    tap.announce('sessions', session('s1', false));
    expect(ended).toEqual([]);
    tap.announce('sessions', session('s1', true));
    expect(ended).toEqual(['one']);
    await tap.steady.refuseTokens(tenant, alice, tap.clock.now() + TIMES.clockToleranceMs);
    expect(ended.sort()).toEqual(['of the platform', 'one', 'one', 'two', 'without a time']);
  });

  it('tells nothing once it was closed; it is logged when the bus could not be left', async () => {
    const { tap, channel, logged, ended, hold } = await open();
    hold('one', { sessionId: 's1' as SessionId });
    tap.closingFault = new Error('broken');
    channel.close();
    await tap.settle();
    tap.announce('sessions', session('s1', true));
    expect([ended, logged]).toEqual([[], ['warn']]);
  });

  it('reads what was revoked before a token was watched', async () => {
    const { tap, channel, ended, hold } = await open();
    const sessions = ['s1', 's2'].map(
      (id, nth) => ({ id, revokedAt: nth === 0 ? 1 : null }) as unknown as SessionRecord,
    );
    const read: typeof tap.engine.readSessions = async () => sessions;
    const channelOf = new SessionChannel(
      { ...tap.engine, readRefusal: tap.steady.readRefusal.bind(tap.steady), readSessions: read } as typeof tap.engine,
      tap.clock,
      silentLog,
      viewerOf(alice),
      () => undefined,
    );
    const told: string[] = [];
    for (const sessionId of ['s1', 's2', null] as (SessionId | null)[])
      channelOf.watch({
        bearer: fixedBearer(viewerOf(alice, { sessionId })),
        onTokenEnd: () => void told.push(String(sessionId)),
      });
    await channelOf.read();
    expect(told).toEqual(['s1']);
    // Without a session in use none is read.
    hold('of the platform');
    await channel.read();
    expect([ended, tap.countOf('readSessions')]).toEqual([[], 0]);
    await tap.steady.refuseTokens(tenant, alice, tap.clock.now() + TIMES.clockToleranceMs);
    await channelOf.read();
    expect(told).toHaveLength(4);
  });

  it('is in doubt from an interruption until revocations were read; only a fault is logged', async () => {
    const { tap, logged, turned, ended, hold } = await open();
    hold('one');
    await tap.unheard(() => tap.steady.refuseTokens(tenant, alice, tap.clock.now() + TIMES.clockToleranceMs));
    tap.failNext('readRefusal', AWAY);
    tap.failNext('readRefusal', new Error('broken'));
    tap.interrupt();
    await tap.pass(TIMES.retryMs - 1);
    expect([turned, ended, logged, tap.countOf('readRefusal')]).toEqual([[true], [], [], 1]);
    await tap.pass(1);
    expect([turned, logged]).toEqual([[true], ['error']]);
    await tap.pass(TIMES.retryMs);
    expect([turned, ended]).toEqual([[true, false], ['one']]);
  });

  it('stays in doubt when it is interrupted again during the read', async () => {
    const { tap, turned } = await open();
    const [first, second] = [tap.holdNext('readRefusal'), tap.holdNext('readRefusal')];
    tap.interrupt();
    tap.interrupt();
    await first();
    expect(turned).toEqual([true, true]);
    await second();
    expect(turned).toEqual([true, true, false]);
  });

  it('ends the doubt when it is closed, and reads nothing after that', async () => {
    const { tap, channel, turned } = await open();
    const pending = tap.clock.pending;
    tap.failNext('readRefusal', AWAY);
    tap.interrupt();
    channel.close();
    await tap.settle();
    expect([turned, tap.clock.pending, tap.listening]).toEqual([[true, false], pending, 0]);
    channel.close();
  });
});

describe('doubts about a user’s tokens', () => {
  it('hold the streams of that user, also later ones, until they are settled', () => {
    const doubts = new Doubts();
    const told: string[] = [];
    const stream = (name: string): Pausable => ({
      pause: () => void told.push(`${name} held`),
      resume: () => void told.push(`${name} released`),
    });
    const [one, two, other, late] = [stream('one'), stream('two'), stream('other'), stream('late')];
    doubts.add('alice', one);
    doubts.add('alice', two);
    doubts.add('bob', other);
    doubts.set('alice', false);
    expect(told).toEqual([]);
    doubts.set('alice', true);
    doubts.add('alice', late);
    expect(told.splice(0)).toEqual(['one held', 'two held', 'late held']);
    doubts.remove('alice', two);
    doubts.set('alice', false);
    expect(told.splice(0)).toEqual(['one released', 'late released']);
    doubts.remove('alice', one);
    doubts.remove('alice', late);
    doubts.set('alice', true);
    expect(told).toEqual([]);
    doubts.add('alice', one);
    doubts.set('alice', false);
    expect(told).toEqual(['one held', 'one released']);
  });
});

describe('the watch of tokens', () => {
  it('leaves the bus when the last holder of a user is forgotten', async () => {
    const tap = new TappedEngine();
    const { engine, clock } = tap;
    const watch = createTokenWatch(new ChannelRegistry(), { engine, clock, log: silentLog, doubts: new Doubts() });
    const holders = [1, 2].map(() => ({ bearer: fixedBearer(viewerOf(bob)), onTokenEnd: () => undefined }));
    for (const holder of holders) await watch.watchTokens(holder);
    const listening: number[] = [];
    for (const holder of holders) {
      listening.push(tap.listening);
      watch.forgetTokens(holder);
      await tap.settle();
    }
    expect([listening, tap.listening]).toEqual([[1, 1], 0]);
  });
});
