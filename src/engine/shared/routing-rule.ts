/** A routing rule as both engines store it. */
import type { RoutingRuleRecord } from '../../model.ts';
import type { Unread } from './closed.ts';
import { readRoutingRule } from './stored-records.ts';

/** Defaults for fields that a rule of an older version lacks: the behaviour of that version. */
const BEFORE = { onFault: 'PASS' };

export function decodeRoutingRule(json: string): RoutingRuleRecord {
  return readRoutingRule({ ...BEFORE, ...(JSON.parse(json) as Unread<RoutingRuleRecord>) });
}
