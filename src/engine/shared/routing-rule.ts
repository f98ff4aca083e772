/** A routing rule as both engines store it. */
import type { RoutingRuleRecord } from '../../model.ts';

/** What a rule of an older version does not say is what that version did. */
const BEFORE: Pick<RoutingRuleRecord, 'onFault'> = { onFault: 'PASS' };

export function decodeRoutingRule(json: string): RoutingRuleRecord {
  return { ...BEFORE, ...(JSON.parse(json) as RoutingRuleRecord) };
}
