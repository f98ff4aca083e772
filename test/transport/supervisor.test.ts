/** Admission of peers, and their orderly end in a drain. */
import { createEndingClock } from '../../src/clock.ts';
import { LIMITS } from '../../src/limits.ts';
import type { Viewer } from '../../src/model.ts';
import { TokenBucket } from '../../src/rates/token-bucket.ts';
import { type Socket, Supervisor, type SupervisorLimits } from '../../src/transport/peers/supervisor.ts';
import { UnidentifiedRates } from '../../src/transport/peers/unidentified-rates.ts';
import { eventually } from '../support/eventually.ts';
import { StillClock } from '../support/still-clock.ts';

const user = { tenant: 'default', userId: 'alice' } as Viewer;

/** A peer that goes at once when it is asked to. */
class Guest implements Socket {
  readonly viewer = null;
  readonly queuedBytes = 1;
  isOpen = true;
  closedWith: number | null = null;
  readonly #closed: ((peer: Guest) => void)[] = [];
  tick(): void {}
  close(code: number): void {
    this.isOpen = false;
    this.closedWith = code;
    for (const closed of this.#closed) closed(this);
  }
  retire(code: number): void {
    this.close(code);
  }
  cut(): void {}
  onClose(closed: (peer: Guest) => void): void {
    if (this.isOpen) this.#closed.push(closed);
    else closed(this);
  }
}

describe('Supervisor', () => {
  const turnedAway: string[] = [];
  const clock = new StillClock();
  const lifetime = createEndingClock(clock);
  const start = (limits: Partial<SupervisorLimits> = {}): Supervisor =>
    new Supervisor(lifetime, {
      maxConnections: 1_000,
      maxConnectionsPerUser: 1_000,
      maxStreamsPerUser: 1_000,
      maxConnectionsPerAddress: 1_000,
      admissions: null,
      unidentifiedRates: null,
      countTurnedAway: (reason) => turnedAway.push(reason),
      drainWindowMs: 10_000,
      sweepMs: 60_000,
      ...limits,
    });
  beforeEach(() => turnedAway.splice(0));
  afterAll(() => lifetime.end());

  it('paces simultaneous reconnects, and counts refusals by reason', () => {
    const supervisor = start({ admissions: new TokenBucket(5, 10, clock.elapsed()), maxConnections: 8 });
    const come = (): boolean => {
      if (!supervisor.admits(null)) return false;
      const guest = new Guest();
      supervisor.add(guest, null);
      return supervisor.claim(guest, user);
    };
    expect(Array.from({ length: 7 }, come).filter(Boolean)).toHaveLength(5);
    clock.advance(200);
    expect(Array.from({ length: 7 }, come).filter(Boolean)).toHaveLength(2);
    clock.advance(10_000);
    expect([come(), come()]).toEqual([true, false]);
    expect(turnedAway).toEqual([...Array(7).fill('pace'), 'capacity']);
    expect(supervisor.queuedBytes).toBe(8);
  });

  it('does not spend admissions on unauthenticated peers, which are counted by address', () => {
    // So slow that nothing is gained while this runs.
    const admissions = new TokenBucket(5, 0.001, clock.elapsed());
    const supervisor = start({ admissions, unidentifiedRates: new UnidentifiedRates(0.001, clock) });
    const strangers = Array.from({ length: LIMITS.strangersAtOnce + 100 }, () => supervisor.admits('9.9.9.9'));
    expect(strangers.filter(Boolean)).toHaveLength(LIMITS.strangersAtOnce);
    expect(turnedAway).toEqual(Array(100).fill('address'));
    expect(supervisor.admits('8.8.8.8')).toBe(true);
    const known = Array.from({ length: 5 }, () => supervisor.claim(new Guest(), user));
    expect(known).toEqual(Array(5).fill(true));
    expect(supervisor.claim(new Guest(), user)).toBe(false);
    clock.advance(10_000_000);
    expect(Array.from({ length: 12 }, () => supervisor.admits('9.9.9.9')).filter(Boolean)).toHaveLength(10);
  });

  it('does not count authenticated users of an address as strangers', () => {
    const supervisor = start({ unidentifiedRates: new UnidentifiedRates(1, clock), maxConnections: 10_000 });
    for (let n = 0; n < 2 * LIMITS.strangersAtOnce; n += 1) {
      expect(supervisor.admits('9.9.9.9')).toBe(true);
      const guest = new Guest();
      supervisor.add(guest, '9.9.9.9');
      expect(supervisor.claim(guest, user)).toBe(true);
      guest.close(1000);
    }
  });

  const add = (supervisor: Supervisor): Guest => {
    const guest = new Guest();
    supervisor.add(guest, null);
    return guest;
  };

  it('G18: at the cap closes the oldest unauthenticated peer in favour of a new one', () => {
    const supervisor = start({ maxConnections: 10 });
    const known = (): Guest => {
      const guest = add(supervisor);
      supervisor.claim(guest, user);
      return guest;
    };
    const users = Array.from({ length: 8 }, known);
    const silent = [add(supervisor), add(supervisor)];
    expect(supervisor.admits(null)).toBe(true);
    const newcomer = add(supervisor);
    expect(silent.map(({ closedWith }) => closedWith)).toEqual([1013, null]);
    expect(supervisor.claim(newcomer, user)).toBe(true);
    expect(supervisor.admitsStream(null, user)).toBe(true);
    supervisor.addStream(new Guest(), null, user);
    expect(silent.map(({ closedWith }) => closedWith)).toEqual([1013, 1013]);
    // Those who are left have all said who they are.
    expect([supervisor.admits(null), supervisor.admitsStream(null, user)]).toEqual([false, false]);
    expect([...users, newcomer].every(({ isOpen }) => isOpen)).toBe(true);
    expect(turnedAway).toEqual(['stranger', 'stranger', 'capacity', 'capacity']);
  });

  it('G18: leaves unauthenticated peers a share of the sockets, the newest of them', () => {
    const supervisor = start({ maxConnections: 100 });
    const guests = Array.from({ length: 70 }, () => add(supervisor));
    const vouched = guests.at(-1) as Guest;
    supervisor.vouch(vouched);
    expect(guests.map(({ isOpen }) => isOpen)).toEqual([...Array(20).fill(false), ...Array(50).fill(true)]);
    for (let n = 0; n < 200; n += 1) add(supervisor);
    expect(guests.filter(({ isOpen }) => isOpen)).toEqual([vouched]);
  });

  it('G15: closes all peers in random order, evenly over the window', async () => {
    const supervisor = start();
    const guests = Array.from({ length: 500 }, () => new Guest());
    for (const guest of guests) supervisor.add(guest, null);
    const drained = supervisor.drain();
    const counts: number[] = [];
    for (let tenth = 1; tenth <= 10; tenth += 1) {
      clock.advance(1_000);
      const gone = guests.filter(({ closedWith }) => closedWith === 1012).length;
      counts.push(gone - counts.reduce((sum, count) => sum + count, 0));
      if (tenth === 5) {
        const half = guests.slice(0, 250).filter(({ isOpen }) => !isOpen).length;
        expect(half).toBeGreaterThan(80);
        expect(half).toBeLessThan(170);
      }
    }
    for (const count of counts.slice(0, 9)) expect(Math.abs(count - 50)).toBeLessThan(25);
    await drained;
    expect(supervisor.admits(null)).toBe(false);
    expect(turnedAway).toEqual(['draining']);
  });

  it('G10: gateways that stay for their refusal have a cap, take no place of others, and go last in a drain', async () => {
    const supervisor = start({ maxConnections: 2, drainWindowMs: 0 });
    const kept = Array.from({ length: LIMITS.gatewaysTurnedAway }, () => new Guest());
    expect(kept.filter((guest) => supervisor.keepTurnedAway(guest))).toHaveLength(LIMITS.gatewaysTurnedAway);
    expect(supervisor.keepTurnedAway(new Guest())).toBe(false);
    kept[0]?.close(1000);
    const next = new Guest();
    expect([supervisor.keepTurnedAway(next), supervisor.keepTurnedAway(new Guest())]).toEqual([true, false]);
    expect([supervisor.admits(null), supervisor.queuedBytes]).toEqual([true, 0]);
    const busy = new Guest();
    busy.retire = () => undefined;
    supervisor.add(busy, null);
    const drained = supervisor.drain();
    await new Promise(setImmediate);
    expect(next.closedWith).toBeNull();
    kept[1]?.close(1000);
    expect(supervisor.keepTurnedAway(new Guest())).toBe(true);
    busy.close(1000);
    await drained;
    expect([next.closedWith, kept.slice(2).every(({ closedWith }) => closedWith === 1012)]).toEqual([1012, true]);
    expect(supervisor.keepTurnedAway(new Guest())).toBe(false);
  });

  it('waits for peers with work in progress, but only until a deadline', async () => {
    const supervisor = start({ drainWindowMs: 0 });
    const stubborn = new Guest();
    stubborn.retire = () => undefined;
    supervisor.add(stubborn, null);
    let isDone = false;
    void supervisor.drain().then(() => {
      isDone = true;
    });
    await eventually(() => {
      clock.advance(1_000);
      expect(isDone).toBe(true);
    });
    expect(stubborn.closedWith).toBe(1012);
  });
});
