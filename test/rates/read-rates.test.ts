/** The units that operations and events cost, and what happens to a caller who has none left. */
import { LIMITS } from '../../src/limits.ts';
import type { Meter } from '../../src/model.ts';
import { RateLimits } from '../../src/rates/rate-limits.ts';
import { noneRevoked, ratesOf } from '../support/rates.ts';
import { StillClock } from '../support/still-clock.ts';
import { alice, silentLog, viewerOf } from '../support/world.ts';

const refused = expect.objectContaining({ code: 'RATE_LIMITED' });

describe('the units of reads', () => {
  const rate = ratesOf().readsPerUser;
  let clock: StillClock;
  let floods = 0;
  let meter: Meter;
  beforeEach(() => {
    clock = new StillClock();
    floods = 0;
    const limits = new RateLimits(ratesOf(), clock, silentLog, async () => [], noneRevoked);
    meter = limits.ofConnection(
      () => viewerOf(alice),
      () => {
        floods += 1;
      },
    );
  });

  it('are refused beyond the rate, and use up nothing then', () => {
    meter.read(rate - 10);
    expect(() => meter.read(11)).toThrow(refused);
    meter.read(10);
    for (let n = 0; n < LIMITS.refusalsPerConnection; n += 1) expect(() => meter.read(1)).toThrow(refused);
    expect(floods).toBe(1);
    clock.advance(1_000);
    meter.read(rate);
  });

  it('are settled: what was not used is given back, and what was used beyond is owed', () => {
    meter.read(100);
    meter.adjust(-40);
    meter.adjust(rate);
    expect(() => meter.read(1)).toThrow(refused);
    clock.advance(Math.ceil((61 / rate) * 1_000));
    expect(() => meter.read(1)).not.toThrow();
  });

  it('that are done are taken while there are units; nothing is no refusal, in debt neither', () => {
    meter.adjust(2 * rate);
    for (let n = 0; n <= LIMITS.refusalsPerConnection; n += 1) meter.spend(0);
    expect(floods).toBe(0);
    for (let n = 0; n < LIMITS.refusalsPerConnection; n += 1) meter.spend(1);
    expect(floods).toBe(0);
    meter.spend(1);
    expect(floods).toBe(1);
    clock.advance(2_000);
    meter.spend(rate);
    expect(() => meter.read(1)).toThrow(refused);
  });

  it('of events end their stream when they cost more than the rate', () => {
    meter.payForEvent(rate - 1);
    meter.payForEvent(1);
    expect(() => meter.payForEvent(1)).toThrow(expect.objectContaining({ code: 'QUERY_TOO_COSTLY' }));
    expect(floods).toBe(0);
    expect(() => meter.read(1)).toThrow(refused);
  });
});
