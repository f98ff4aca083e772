/** Retention as scripts are told it. */
import type { Clock } from '../../clock.ts';
import type { Retention } from '../../model.ts';

/** How many messages are kept, `0` for all; or their age, with what makes the server's clock ours. */
export function retentionArg(retention: Retention, clock: Clock): string {
  if (retention === null) return '0';
  return typeof retention === 'number' ? String(retention) : `${retention.ageMs}:${clock.offset()}`;
}
