/** A routing rule as both engines store it. */
import type { RoutingRuleRecord } from '../../model.ts';

/** Fields that a rule of an older version lacks have the behaviour of that version. */
const BEFORE: Pick<RoutingRuleRecord, 'onFault'> = { onFault: 'PASS' };

export function decodeRoutingRule(json: string): RoutingRuleRecord {
  return { ...BEFORE, ...(JSON.parse(json) as RoutingRuleRecord) };
}
