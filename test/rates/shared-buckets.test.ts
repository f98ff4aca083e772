/** What a node reports of its use, and what it takes from its buckets for the use of others. */
import type { Change, Meter, RateUse, TenantId } from '../../src/model.ts';
import { CHANGES } from '../../src/rates/classes.ts';
import { RateLimits } from '../../src/rates/rate-limits.ts';
import { noneRevoked, ratesOf } from '../support/rates.ts';
import { StillClock } from '../support/still-clock.ts';
import { alice, silentLog, tenant, viewerOf } from '../support/world.ts';

const alices = viewerOf(alice);
const crm = viewerOf(alice, { scopes: new Set(['realtime:service']) });

describe('the use that a node shares', () => {
  let clock: StillClock;
  let limits: RateLimits;
  let told: RateUse[][];
  let elsewhere: number[];
  let meter: Meter;
  beforeEach(() => {
    clock = new StillClock();
    told = [];
    elsewhere = [];
    const share = async (uses: readonly RateUse[]): Promise<readonly number[]> => {
      told.push([...uses]);
      return elsewhere;
    };
    limits = new RateLimits(ratesOf(), clock, silentLog, share, noneRevoked);
    meter = limits.ofRequest(alices);
  });
  const many = (count: number, act: () => void): void => {
    for (let n = 0; n < count; n += 1) act();
  };
  /** The uses reported now, of one rate. */
  const reported = async (name: string): Promise<number[]> => {
    told = [];
    await limits.reconcile();
    return told.flat().flatMap(({ rate, count }) => (rate === name ? [count] : []));
  };

  /** The least use of each that is reported: a tenth of the rate, and at least five, or half of the rate, in a second. */
  const LEAST: { readonly [Name in Exclude<Change, 'signal'>]: number } = {
    message: 5,
    reaction: 5,
    append: 100,
    creation: 3,
    membership: 6,
    list: 6,
    'session-creation': 1,
    session: 3,
    admin: 6,
    'rule-test': 1,
  };
  it.each(Object.entries(LEAST) as [Exclude<Change, 'signal'>, number][])(
    '%s: use from %i on is reported, once',
    async (change, least) => {
      const { name } = CHANGES[change];
      const count = (): void => meter.count(change);
      many(least - 1, count);
      expect(await reported(name)).toEqual([]);
      count();
      expect(await reported(name)).toEqual([least]);
      expect(await reported(name)).toEqual([]);
      clock.advance(60_000);
      many(least - 1, count);
      expect(await reported(name)).toEqual([]);
      clock.advance(60_000);
      // What was not reported is reported with what follows.
      many(2, count);
      expect(await reported(name)).toEqual([least + 1]);
    },
  );

  it('people named, sockets, units of reads, changes of services and messages of a tenant are reported, too', async () => {
    meter.count('membership', 99);
    meter.read(ratesOf().readsPerUser / 10 - 1);
    limits.connect(alices);
    limits.copied(alices, ratesOf().messagesPerTenant / 10 - 1);
    limits.copied(crm, ratesOf().changesPerService / 10 - 1);
    await limits.reconcile();
    expect(told.flat()).toEqual([{ rate: 'user-connections', tenant, userId: alice, count: 1 }]);
    meter.count('membership', 1);
    meter.read(1);
    limits.copied(alices, 1);
    limits.copied(crm, 1);
    told = [];
    await limits.reconcile();
    expect(told).toEqual([
      [
        { rate: 'user-named', tenant, userId: alice, count: 100 },
        { rate: 'service-changes', tenant, userId: alice, count: ratesOf().changesPerService / 10 },
        { rate: 'user-reads', tenant, userId: alice, count: ratesOf().readsPerUser / 10 },
        { rate: 'tenant-messages', tenant, userId: null, count: ratesOf().messagesPerTenant / 10 },
      ],
    ]);
  });

  it('nothing is reported of no use', async () => {
    await limits.reconcile();
    expect(told).toEqual([]);
  });

  it('the use of other nodes is taken from the same bucket', async () => {
    const other = limits.ofRequest({ ...alices, tenant: 'other' as TenantId });
    many(5, () => meter.count('message'));
    many(5, () => other.count('message'));
    elsewhere = [45, 0];
    await limits.reconcile();
    expect(() => meter.count('message')).toThrow(expect.objectContaining({ code: 'RATE_LIMITED' }));
    many(45, () => other.count('message'));
    clock.advance(100);
    many(5, () => meter.count('message'));
    expect(() => meter.count('message')).toThrow(expect.objectContaining({ code: 'RATE_LIMITED' }));
  });
});
