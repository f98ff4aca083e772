/** Signals over their rate: none is refused, and the latest are applied when there is room. */
import { unavailable } from '../../src/errors.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { Meter, Signal, Viewer } from '../../src/model.ts';
import { Budget, currentBudget, within } from '../../src/rates/budget.ts';
import { RateLimits } from '../../src/rates/rate-limits.ts';
import { eventually } from '../support/eventually.ts';
import { ratesOf } from '../support/rates.ts';
import { StillClock } from '../support/still-clock.ts';
import { silentLog, userId, viewerOf } from '../support/world.ts';

const viewer = (id: string): Viewer => viewerOf(userId(id));

describe('signals over their rate', () => {
  let clock: StillClock;
  let limits: RateLimits;
  let applied: string[];
  let fault: Error | null;
  beforeEach(() => {
    clock = new StillClock();
    limits = new RateLimits(ratesOf(), clock, silentLog, async (uses) => uses.map(() => 0));
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

  it('the latest of each kind is applied, in the order they came; what was let go is not', async () => {
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

  it('what is applied late costs the operation it came from nothing', async () => {
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

  it('one that ranks lower takes the place of none; a stop is applied before what else waits', async () => {
    const meter = limits.ofRequest(viewer('alice'));
    await fill(meter);
    await meter.signal(signal('read a', '10', { rank: 10 }));
    await meter.signal(signal('read a', '7', { rank: 7 }));
    await meter.signal(signal('typing', 'off', { late: 'first' }));
    await settled(['off', '10']);
  });

  it('what comes while something waits does not overtake it', async () => {
    const meter = limits.ofRequest(viewer('alice'));
    await fill(meter);
    await meter.signal(signal('presence', 'AWAY'));
    clock.advance(50);
    await meter.signal(signal('presence', 'BUSY'));
    await settled(['BUSY']);
  });

  it('a socket’s five a second are held late by its own rate, another socket’s of the user by the user’s', async () => {
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

  it('one that is not valid is refused as it would have been, and waits for nothing', async () => {
    const meter = limits.ofRequest(viewer('alice'));
    await fill(meter);
    const bad = signal('read a', '99', { asIfApplied: () => Promise.reject(new Error('past the last message')) });
    await expect(meter.signal(bad)).rejects.toThrow('past the last message');
    await settled([]);
    clock.advance(10_000);
    expect(applied).toEqual([]);
  });

  it('while the engine is away it is tried again, the latest only', async () => {
    const meter = limits.ofRequest(viewer('alice'));
    await fill(meter);
    fault = unavailable();
    await meter.signal(signal('presence', 'AWAY'));
    clock.advance(200);
    await eventually(() => expect(clock.pending).toBe(1));
    await meter.signal(signal('presence', 'BUSY'));
    clock.advance(TIMES.heldSignalRetryMs);
    await eventually(() => expect(clock.pending).toBe(1));
    fault = null;
    await settled(['BUSY']);
    expect(clock.pending).toBe(0);
  });

  it('of one user so many wait and no more, and nobody else’s are let go for them', async () => {
    const [alice, bob] = ['alice', 'bob'].map((user) => limits.ofRequest(viewer(user))) as [Meter, Meter];
    await fill(alice);
    await fill(bob);
    await bob.signal(signal('presence', 'bob'));
    for (let n = 0; n < 10 * LIMITS.heldSignalsPerUser; n += 1) await alice.signal(signal(`read ${n}`, `${n}`));
    await limits.close();
    expect(applied).toHaveLength(LIMITS.heldSignalsPerUser + 1);
    expect(applied).toContain('bob');
    expect(applied).toContain(`${10 * LIMITS.heldSignalsPerUser - 1}`);
    expect(clock.pending).toBe(0);
  });
});
