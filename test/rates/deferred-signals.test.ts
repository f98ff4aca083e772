/** Signals over their rate: none is refused, and the latest are applied when there is room. */

import { createPresence } from '../../src/domain/presence.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import { unavailable } from '../../src/errors.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { DeviceRecord, Meter, PresenceRecord, Signal, Viewer } from '../../src/model.ts';
import { Budget, currentBudget, within } from '../../src/rates/budget.ts';
import { RateLimits } from '../../src/rates/rate-limits.ts';
import { eventually } from '../support/eventually.ts';
import fc from '../support/fast-check.ts';
import { type CapturedLog, captureLog } from '../support/log.ts';
import { ratesOf } from '../support/rates.ts';
import { StillClock } from '../support/still-clock.ts';
import { TestClock } from '../support/test-clock.ts';
import { connectionId, deviceId, silentLog, tenant, userId, viewerOf } from '../support/world.ts';

const viewer = (id: string): Viewer => viewerOf(userId(id));

describe('signals over their rate', () => {
  let clock: StillClock;
  let limits: RateLimits;
  let applied: string[];
  let fault: Error | null;
  let revoked: Set<Viewer>;
  let elsewhere: number;
  let log: CapturedLog;
  beforeEach(() => {
    clock = new StillClock();
    revoked = new Set();
    elsewhere = 0;
    log = captureLog('debug');
    limits = new RateLimits(
      ratesOf(),
      clock,
      log.log,
      async (uses) => uses.map(() => elsewhere),
      async (viewer) => revoked.has(viewer),
    );
    applied = [];
    fault = null;
  });

  const signal = (kind: string, value: string, more: Partial<Signal<string>> = {}): Signal<string> => ({
    kind,
    rank: 0,
    late: 'in-turn',
    async apply() {
      if (fault) throw fault;
      applied.push(value);
      return value;
    },
    asIfApplied: () => `${value}, later`,
    ...more,
  });
  /** Uses up the rate of a user at this moment. */
  const fill = async (meter: Meter): Promise<void> => {
    for (let n = 0; n < 10; n += 1) await meter.signal(signal('fill', 'fill', { late: 'let-go' }));
    applied = [];
  };
  const settled = async (expected: readonly string[]): Promise<void> => {
    await eventually(() => {
      clock.advance(100);
      expect(applied).toEqual(expected);
    });
  };

  it('the latest of each kind is applied in order of arrival; a dropped one is not', async () => {
    const meter = limits.ofRequest(viewer('alice'));
    await fill(meter);
    expect(await meter.signal(signal('presence', 'AWAY'))).toBe('AWAY, later');
    expect(await meter.signal(signal('read a', '3'))).toBe('3, later');
    expect(await meter.signal(signal('typing', 'on', { late: 'let-go' }))).toBe('on, later');
    await meter.signal(signal('presence', 'BUSY'));
    expect(applied).toEqual([]);
    await settled(['3', 'BUSY']);
    clock.advance(60_000);
    expect(await meter.signal(signal('presence', 'ONLINE'))).toBe('ONLINE');
    expect(clock.pending).toBe(0);
  });

  it('G17: a signal whose token was revoked meanwhile is not applied, not even at shutdown', async () => {
    let present = viewer('alice');
    const [socket, meter] = [
      limits.ofConnection(
        () => present,
        () => undefined,
      ),
      limits.ofRequest(present),
    ];
    await fill(meter);
    await meter.signal(signal('presence', 'of the request'));
    await socket.signal(signal('read a', 'of the socket'));
    revoked.add(present);
    present = viewerOf(userId('alice'));
    await settled(['of the socket']);
    await fill(meter);
    await meter.signal(signal('presence', 'of the request'));
    await limits.close();
    expect(applied).toEqual([]);
  });

  it('a signal applied late is not charged to its operation', async () => {
    const meter = limits.ofRequest(viewer('alice'));
    await fill(meter);
    const spent = new Budget(1);
    let budget: Budget | undefined = spent;
    const apply = async (): Promise<string> => {
      budget = currentBudget();
      return '';
    };
    await within(spent, () => meter.signal(signal('presence', 'AWAY', { apply })));
    await eventually(() => {
      clock.advance(100);
      expect(budget).toBeUndefined();
    });
  });

  it('a signal of lower rank replaces none; a typing stop is applied first', async () => {
    const meter = limits.ofRequest(viewer('alice'));
    await fill(meter);
    await meter.signal(signal('read a', '10', { rank: 10 }));
    await meter.signal(signal('read a', '7', { rank: 7 }));
    await meter.signal(signal('typing', 'off', { late: 'first' }));
    await settled(['off', '10']);
  });

  it('a new signal does not overtake a waiting one', async () => {
    const meter = limits.ofRequest(viewer('alice'));
    await fill(meter);
    await meter.signal(signal('presence', 'AWAY'));
    clock.advance(50);
    await meter.signal(signal('presence', 'BUSY'));
    await settled(['BUSY']);
  });

  it('signals of a socket wait for the socket’s rate, those of another socket for the user’s', async () => {
    const [one, two] = [1, 2].map(() =>
      limits.ofConnection(
        () => viewer('alice'),
        () => undefined,
      ),
    ) as [Meter, Meter];
    for (let n = 0; n < 8; n += 1) await one.signal(signal(`a${n}`, `a${n}`));
    expect(applied).toEqual(['a0', 'a1', 'a2', 'a3', 'a4']);
    await two.signal(signal('b', 'b'));
    clock.advance(200);
    await eventually(() => expect(applied).toHaveLength(6));
    await settled(['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 'b']);
  });

  it('an invalid signal is refused at once', async () => {
    const meter = limits.ofRequest(viewer('alice'));
    await fill(meter);
    const bad = signal('read a', '99', { asIfApplied: () => Promise.reject(new Error('past the last message')) });
    await expect(meter.signal(bad)).rejects.toThrow('past the last message');
    await settled([]);
    clock.advance(10_000);
    expect(applied).toEqual([]);
  });

  it('while the engine is away the latest signal is retried', async () => {
    const meter = limits.ofRequest(viewer('alice'));
    await fill(meter);
    fault = unavailable();
    await meter.signal(signal('presence', 'AWAY'));
    clock.advance(200);
    await eventually(() => expect(clock.pending).toBe(1));
    await meter.signal(signal('presence', 'BUSY'));
    clock.advance(TIMES.deferredSignalRetryMs);
    await eventually(() => expect(clock.pending).toBe(1));
    fault = null;
    await settled(['BUSY']);
    expect(clock.pending).toBe(0);
  });

  it('signals that waited count against the rate: one each tenth of a second', async () => {
    const meter = limits.ofRequest(viewer('alice'));
    await fill(meter);
    for (let n = 0; n < 3; n += 1) await meter.signal(signal(`read ${n}`, `${n}`));
    for (let n = 0; n < 3; n += 1) {
      expect(clock.isDueIn(100)).toBe(true);
      clock.advance(99);
      expect(applied).toHaveLength(n);
      clock.advance(1);
      await eventually(() => expect([applied.length, clock.pending]).toEqual([n + 1, n === 2 ? 0 : 1]));
    }
    expect(applied).toEqual(['0', '1', '2']);
  });

  it('one whose rate was used up on another node meanwhile waits on', async () => {
    const meter = limits.ofRequest(viewer('alice'));
    await fill(meter);
    await meter.signal(signal('presence', 'AWAY'));
    elsewhere = 10;
    await limits.reconcile();
    clock.advance(1_000);
    await eventually(() => expect(clock.isDueIn(100)).toBe(true));
    expect(applied).toEqual([]);
    await settled(['AWAY']);
  });

  it('a refused one is withdrawn, a later one of its kind is not', async () => {
    const meter = limits.ofRequest(viewer('alice'));
    await fill(meter);
    let refuse: (error: Error) => void = () => undefined;
    const asIfApplied = (): Promise<string> =>
      new Promise((_resolve, reject) => {
        refuse = reject;
      });
    const first = meter.signal(signal('read a', '1', { asIfApplied }));
    await meter.signal(signal('read a', '2'));
    refuse(new Error('refused'));
    await expect(first).rejects.toThrow('refused');
    await settled(['2']);
    // What waits no more leaves no timer behind.
    await fill(meter);
    const only = meter.signal(signal('read a', '3', { asIfApplied }));
    refuse(new Error('refused'));
    await expect(only).rejects.toThrow('refused');
    clock.advance(10_000);
    await eventually(() => expect(clock.pending).toBe(0));
    expect(await meter.signal(signal('read a', '4'))).toBe('4');
    expect(applied.at(-1)).toBe('4');
  });

  it('one that is let go and not valid is refused for its own reason', async () => {
    const meter = limits.ofRequest(viewer('alice'));
    await fill(meter);
    const asIfApplied = () => Promise.reject(new Error('not a member'));
    await expect(meter.signal(signal('typing', 'on', { late: 'let-go', asIfApplied }))).rejects.toThrow('not a member');
  });

  it('a fault of one that waited is logged with its kind, and the next is applied', async () => {
    const meter = limits.ofRequest(viewer('alice'));
    await fill(meter);
    const apply = () => Promise.reject(new Error('a fault'));
    await meter.signal(signal('typing', 'off', { late: 'first', apply }));
    await meter.signal(signal('presence', 'AWAY'));
    await settled(['AWAY']);
    expect(log.lines()).toMatchObject([{ kind: 'typing', err: { message: 'a fault' } }]);
  });

  it('one that is being applied at shutdown is applied once, and starts no timer', async () => {
    const meter = limits.ofRequest(viewer('alice'));
    await fill(meter);
    let finish = (): void => undefined;
    const apply = (): Promise<string> =>
      new Promise((resolve) => {
        finish = () => resolve('');
        applied.push('AWAY');
      });
    await meter.signal(signal('presence', 'AWAY', { apply }));
    await meter.signal(signal('read a', '3'));
    clock.advance(100);
    await eventually(() => expect(applied).toEqual(['AWAY']));
    await limits.close();
    expect(applied).toEqual(['AWAY', '3']);
    finish();
    await new Promise(setImmediate);
    expect([applied, clock.pending]).toEqual([['AWAY', '3'], 0]);
  });

  it('the waiting signals of one user have a cap, and displace no other user’s', async () => {
    const [alice, bob] = ['alice', 'bob'].map((user) => limits.ofRequest(viewer(user))) as [Meter, Meter];
    await fill(alice);
    await fill(bob);
    await bob.signal(signal('presence', 'bob'));
    for (let n = 0; n < 10 * LIMITS.deferredSignalsPerUser; n += 1) await alice.signal(signal(`read ${n}`, `${n}`));
    await limits.close();
    expect(applied).toHaveLength(LIMITS.deferredSignalsPerUser + 1);
    expect(applied).toContain('bob');
    expect(applied).toContain(`${10 * LIMITS.deferredSignalsPerUser - 1}`);
    expect(clock.pending).toBe(0);
  });
});

describe('setPresence over its rate', () => {
  const STATUSES = ['ONLINE', 'AWAY', 'BUSY', 'OFFLINE'] as const;
  const under = { signal: ({ apply }: Signal<unknown>) => apply() } as unknown as Meter;
  const over = { signal: async ({ asIfApplied }: Signal<unknown>) => asIfApplied() } as unknown as Meter;
  const connection = { connectionId: connectionId('one'), deviceId: deviceId('phone'), connectionType: 'SSE' } as const;
  const before = fc.array(fc.constantFrom(...STATUSES, 'connects'), { maxLength: 4 });

  it('answers the same as within it, in every state of connection, hiding and visit', async () => {
    const clock = new TestClock();
    const engine = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock });
    const presence = createPresence(engine, clock, silentLog, 1_000);
    let users = 0;
    await fc.assert(
      fc.asyncProperty(before, fc.constantFrom(...STATUSES), fc.boolean(), async (acts, status, hasDevice) => {
        users += 1;
        const caller = viewerOf(userId(`u${users}`), hasDevice ? { deviceId: deviceId('laptop') } : {});
        for (const act of acts) {
          clock.advance(10);
          if (act === 'connects') await presence.arrive(caller, connection);
          else await presence.set(caller, under, act, 'before');
        }
        clock.advance(10);
        const [known] = await engine.readPresence(tenant, [caller.userId]);
        /** What is private, or of a moment, left out. */
        const shown = ({
          version: _version,
          present: _present,
          lastSeenAt,
          devices: _devices,
          ...rest
        }: PresenceRecord) => ({
          ...rest,
          isSeenNow: lastSeenAt !== known?.lastSeenAt,
        });
        const said = await presence.set(caller, over, status, 'words');
        const applied = await presence.set(caller, under, status, 'words');
        expect(shown(said)).toEqual(shown(applied));
        // A visit is renewed when it is applied.
        const names = (all: readonly DeviceRecord[]): string[] =>
          all.map(({ connectedAt: _when, ...of }) => JSON.stringify(of));
        expect(names(said.devices).sort()).toEqual(names(applied.devices).sort());
      }),
    );
    clock.advance(TIMES.visitMs);
    await engine.close();
  });
});
