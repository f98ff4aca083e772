/** Waiting pulls: their cap, and when they end. */
import { EventWaits } from '../../src/domain/event-waits.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { TenantId } from '../../src/model.ts';
import { StillClock } from '../support/still-clock.ts';

const [A, B] = ['a', 'b'] as TenantId[] as [TenantId, TenantId];
const never = (): boolean => false;

describe('waiting pulls', () => {
  it('G18: of a tenant have a cap, which leaves room for others', async () => {
    const clock = new StillClock();
    const arrivals = new Map<TenantId, string>();
    const waits = new EventWaits(async (tenant) => arrivals.get(tenant) ?? '0', clock);
    const waiting = Array.from({ length: LIMITS.waitingPullsPerTenant }, (_, nth) => {
      expect([nth, waits.hasRoom(A)]).toEqual([nth, true]);
      return waits.wait(A, '0', TIMES.longestPullMs, never);
    });
    expect([waits.hasRoom(A), waits.hasRoom(B)]).toEqual([false, true]);
    arrivals.set(A, '1');
    clock.advance(TIMES.eventTurnMs);
    await Promise.all(waiting);
    expect(waits.hasRoom(A)).toBe(true);
  });

  it('end when their time is over or their caller is gone', async () => {
    const clock = new StillClock();
    const waits = new EventWaits(async () => '0', clock);
    let isGone = false;
    const ended: string[] = [];
    const gone = waits.wait(A, '0', TIMES.longestPullMs, () => isGone).then(() => ended.push('gone'));
    const over = waits.wait(A, '0', TIMES.eventTurnMs, never).then(() => ended.push('over'));
    clock.advance(TIMES.eventTurnMs);
    await over;
    expect(ended).toEqual(['over']);
    isGone = true;
    clock.advance(TIMES.eventTurnMs);
    await gone;
  });
});
