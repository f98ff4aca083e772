/** Cached settings of tenants: read once, again when they change, and not believed when an announcement may be missing. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { EventWaits } from '../../src/domain/event-waits.ts';
import { createKnownSettings } from '../../src/domain/known-settings.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine } from '../../src/engine/port.ts';
import { unavailable } from '../../src/errors.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { TenantId } from '../../src/model.ts';
import { StillClock } from '../support/still-clock.ts';
import { silentLog, tenant } from '../support/world.ts';

const other = 'other' as TenantId;

describe('known settings', () => {
  let clock: StillClock;
  let engine: Engine;
  let listeners: Map<TenantId, Parameters<Engine['listen']>[1]>;
  let reads: number;
  let answer: () => Promise<object>;
  beforeEach(() => {
    clock = new StillClock();
    engine = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock });
    listeners = new Map();
    reads = 0;
    answer = async () => ({ read: reads });
  });
  afterEach(() => engine.close());

  const open = (inDoubt: 'as-before' | 'wait') =>
    createKnownSettings<object>({
      kind: 'routing-rules',
      engine: {
        ...engine,
        listen(channel, listener) {
          listeners.set(channel.tenant, listener);
          return engine.listen(channel, listener);
        },
      },
      clock,
      log: silentLog,
      read() {
        reads += 1;
        return answer();
      },
      inDoubt,
    });
  /** A read that ends when the test says so. */
  const held = () => {
    const { promise, resolve, reject } = Promise.withResolvers<object>();
    answer = () => promise;
    return { resolve, reject };
  };
  const announce = (): void => listeners.get(tenant)?.onAnnouncement({ type: 'routing-rules' });
  const interrupt = (): void => listeners.get(tenant)?.onInterrupted();

  it('are read once for all who ask, and then known at once', async () => {
    const known = open('wait');
    expect(known.atOnce(tenant)).toBeNull();
    const read = held();
    const asked = [known.of(tenant), known.of(tenant)];
    await nextTurn();
    read.resolve({ read: 'once' });
    expect(await Promise.all(asked)).toEqual([{ read: 'once' }, { read: 'once' }]);
    expect([known.of(tenant), known.atOnce(tenant), reads]).toEqual([{ read: 'once' }, { read: 'once' }, 1]);
    expect(known.atOnce(other)).toBeNull();
  });

  it('are read again after a change, and known as before until then', async () => {
    const known = open('wait');
    await known.of(tenant);
    const read = held();
    announce();
    await nextTurn();
    expect([known.of(tenant), reads]).toEqual([{ read: 1 }, 2]);
    read.resolve({ read: 'again' });
    await nextTurn();
    expect(known.of(tenant)).toEqual({ read: 'again' });
  });

  it('an older answer does not replace a later one', async () => {
    const known = open('wait');
    await known.of(tenant);
    const older = held();
    const refreshing = known.refresh(tenant);
    await nextTurn();
    answer = async () => ({ read: 'later' });
    await known.refresh(tenant);
    older.resolve({ read: 'older' });
    await refreshing;
    expect(known.of(tenant)).toEqual({ read: 'later' });
  });

  it('after an interruption those that wait are unknown until they are read, and their watchers hear of both', async () => {
    const known = open('wait');
    const heard: unknown[] = [];
    await known.of(tenant);
    const unwatch = known.watch(tenant, () => heard.push(known.atOnce(tenant)));
    const read = held();
    interrupt();
    expect([known.atOnce(tenant), heard]).toEqual([null, [null]]);
    const asked = known.of(tenant);
    expect(asked).toBeInstanceOf(Promise);
    read.resolve({ read: 'again' });
    expect(await asked).toEqual({ read: 'again' });
    await nextTurn();
    expect(heard.at(-1)).toEqual({ read: 'again' });
    const { length } = heard;
    unwatch();
    interrupt();
    expect(heard).toHaveLength(length);
  });

  it('an answer from before an interruption is not believed', async () => {
    const known = open('wait');
    await known.of(tenant);
    const before = held();
    announce();
    await nextTurn();
    const after = held();
    interrupt();
    before.resolve({ read: 'before' });
    await nextTurn();
    expect(known.atOnce(tenant)).toBeNull();
    after.resolve({ read: 'after' });
    await nextTurn();
    expect(known.of(tenant)).toEqual({ read: 'after' });
  });

  it('after an interruption others are as before until they are read', async () => {
    const known = open('as-before');
    await known.of(tenant);
    const read = held();
    interrupt();
    expect(known.of(tenant)).toEqual({ read: 1 });
    read.resolve({ read: 'again' });
    await nextTurn();
    expect(known.of(tenant)).toEqual({ read: 'again' });
  });

  it('a read that fails is an error for who asks, and is tried again for who watches', async () => {
    const known = open('wait');
    answer = () => Promise.reject(unavailable());
    await expect(known.of(tenant)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    let changes = 0;
    known.watch(tenant, () => {
      changes += 1;
    });
    await nextTurn();
    expect([changes, clock.isDueIn(TIMES.nodeRenewMs)]).toEqual([0, true]);
    answer = async () => ({ read: 'at last' });
    clock.advance(TIMES.nodeRenewMs);
    await nextTurn();
    expect([known.atOnce(tenant), changes]).toEqual([{ read: 'at last' }, 1]);
  });

  it('a tenant nobody asked for is not read', async () => {
    const known = open('wait');
    await known.refresh(tenant);
    expect(reads).toBe(0);
  });

  it('those of watched tenants stay, those of the others are forgotten in turn', async () => {
    const known = open('wait');
    const unwatch = known.watch(tenant, () => undefined);
    const second = known.watch(tenant, () => undefined);
    await known.of(tenant);
    await known.of(other);
    const askForMany = async () => {
      for (let n = 0; n < LIMITS.knownTenants; n += 1) await known.of(`tenant-${n}` as TenantId);
    };
    await askForMany();
    expect([known.atOnce(tenant) !== null, known.atOnce(other)]).toEqual([true, null]);
    unwatch();
    await askForMany();
    expect(known.atOnce(tenant)).not.toBeNull();
    second();
    await askForMany();
    expect(known.atOnce(tenant)).toBeNull();
  });
});

describe('pulls that wait for events', () => {
  const clock = new StillClock();
  let arrivals: Record<string, string>;
  let looks: number;
  let waits: EventWaits;
  beforeEach(() => {
    arrivals = { [tenant]: 'a', [other]: 'a' };
    looks = 0;
    waits = new EventWaits(async (of) => {
      looks += 1;
      const found = arrivals[of];
      if (found === undefined) throw unavailable();
      return found;
    }, clock);
  });
  const woken = (ms = 10_000, of = tenant, isOver = () => false): { is: boolean } => {
    const state = { is: false };
    void waits.wait(of, 'a', ms, isOver).then(() => {
      state.is = true;
    });
    return state;
  };
  const turn = async (): Promise<void> => {
    clock.advance(TIMES.eventTurnMs);
    await nextTurn();
  };

  it('are woken by an event of their tenant, and the timer runs while any waits', async () => {
    const [one, two] = [woken(), woken(10_000, other)];
    await turn();
    expect([one.is, two.is, looks]).toEqual([false, false, 2]);
    arrivals[tenant] = 'b';
    await turn();
    expect([one.is, two.is, clock.pending]).toEqual([true, false, 1]);
    arrivals[other] = 'b';
    await turn();
    expect([two.is, clock.pending]).toEqual([true, 0]);
    // A later one starts the timer again.
    const three = woken();
    await turn();
    expect([three.is, clock.pending]).toEqual([true, 0]);
  });

  it('are woken when their time is over, or their caller is gone', async () => {
    let isGone = false;
    const [short, gone] = [woken(2 * TIMES.eventTurnMs), woken(10_000, tenant, () => isGone)];
    await turn();
    expect([short.is, gone.is]).toEqual([false, false]);
    isGone = true;
    await turn();
    expect([short.is, gone.is, clock.pending]).toEqual([true, true, 0]);
  });

  it('a look that fails wakes nobody', async () => {
    const one = woken();
    delete arrivals[tenant];
    await turn();
    expect(one.is).toBe(false);
    arrivals[tenant] = 'b';
    await turn();
    expect(one.is).toBe(true);
  });

  it('have room for so many of a tenant, until one is woken', async () => {
    const all = Array.from({ length: LIMITS.waitingPullsPerTenant }, () => {
      expect(waits.hasRoom(tenant)).toBe(true);
      return woken();
    });
    expect([waits.hasRoom(tenant), waits.hasRoom(other)]).toEqual([false, true]);
    arrivals[tenant] = 'b';
    await turn();
    expect(all.every(({ is }) => is)).toBe(true);
    expect(waits.hasRoom(tenant)).toBe(true);
  });
});
