/** Retention as a script argument. */
import type { Clock } from '../../clock.ts';
import type { Retention } from '../../model.ts';

/** The number of messages kept, `0` for all; or an age, with the clock's offset. */
export function retentionArg(retention: Retention, clock: Clock): string {
  if (retention === null) return '0';
  return typeof retention === 'number' ? String(retention) : `${retention.ageMs}:${clock.offset()}`;
}
