/** The rate of each kind of change, and its class. */
import type { Change, RateName } from '../model.ts';

/** The rows of the table of rates in docs/operations.md. A class may have kinds with different rates. */
export type ChangeClass = 'message' | 'signal' | 'reaction' | 'append' | 'membership' | 'list' | 'session' | 'admin';

export interface ChangeRate {
  readonly class: ChangeClass;
  /** The period of the rate in seconds. The rate of one period may be used at once. */
  readonly seconds: 1 | 60;
  /** The name under which nodes share its use. */
  readonly name: RateName;
}

const SECOND = 1;
const MINUTE = 60;

export const CHANGES: { readonly [Name in Change]: ChangeRate } = {
  message: { class: 'message', seconds: SECOND, name: 'user-messages' },
  signal: { class: 'signal', seconds: SECOND, name: 'user-signal' },
  reaction: { class: 'reaction', seconds: SECOND, name: 'user-reaction' },
  append: { class: 'append', seconds: SECOND, name: 'user-append' },
  /** The people named in the call are counted in addition. */
  creation: { class: 'membership', seconds: MINUTE, name: 'user-creation' },
  membership: { class: 'membership', seconds: MINUTE, name: 'user-membership' },
  list: { class: 'list', seconds: MINUTE, name: 'user-list' },
  'session-creation': { class: 'session', seconds: MINUTE, name: 'user-session-creation' },
  session: { class: 'session', seconds: MINUTE, name: 'user-session' },
  admin: { class: 'admin', seconds: MINUTE, name: 'user-admin' },
  'rule-test': { class: 'admin', seconds: SECOND, name: 'user-rule-test' },
};
