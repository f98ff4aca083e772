/** A routing rule as both engines store it. */
import type { RoutingRuleRecord } from '../../model.ts';

/** Defaults for fields that a rule of an older version lacks: the behaviour of that version. */
const BEFORE: Pick<RoutingRuleRecord, 'onFault'> = { onFault: 'PASS' };

export function decodeRoutingRule(json: string): RoutingRuleRecord {
  return { ...BEFORE, ...(JSON.parse(json) as RoutingRuleRecord) };
}
