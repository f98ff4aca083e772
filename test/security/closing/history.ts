/** Random acts of clients and the service: the input of the closing property. */
import fc from '../../support/fast-check.ts';
import { OVER_TLS, SUBJECTS, type Subject, TRANSPORTS, type TransportName } from './peers.ts';

export const USERS = ['bob', 'carol', 'dave'] as const;
export type User = (typeof USERS)[number];

export type Action =
  | {
      readonly kind: 'open';
      readonly transport: TransportName | typeof OVER_TLS;
      readonly user: User;
      readonly subject: Subject;
      readonly isReplay: boolean;
      /** By a token that `expire` ends. */
      readonly isShort: boolean;
      /** Whether it stops reading at once. */
      readonly isSlow: boolean;
    }
  /** `peer` counts from the one opened last, round and round. */
  | { readonly kind: 'stop' | 'resume' | 'leave' | 'half-close' | 'reset'; readonly peer: number }
  | { readonly kind: 'publish'; readonly count: number }
  | { readonly kind: 'revoke' | 'remove'; readonly user: User }
  | { readonly kind: 'expire' | 'settle' };

export interface History {
  /** Whether the service speaks TLS, and so HTTP/2. */
  readonly isTls: boolean;
  readonly actions: readonly Action[];
  /** Whether it is drained in the middle of what is going on, rather than after all have left. */
  readonly isDrainedAtWork: boolean;
}

const user = fc.constantFrom(...USERS);
const peer = fc.nat({ max: 9 });

const open = fc.record({
  kind: fc.constant('open' as const),
  transport: fc.constantFrom(...TRANSPORTS, OVER_TLS),
  user,
  subject: fc.constantFrom(...SUBJECTS),
  isReplay: fc.boolean(),
  isShort: fc.boolean(),
  isSlow: fc.boolean(),
});

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: open },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constantFrom('stop', 'resume', 'leave', 'half-close', 'reset'), peer }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 60 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('revoke', 'remove'), user }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expire' as const) }) },
  // Time for what was begun to go on.
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('settle' as const) }) },
);

export const history: fc.Arbitrary<History> = fc.record({
  actions: fc
    .tuple(fc.array(open, { minLength: 3, maxLength: 8 }), fc.array(action, { minLength: 5, maxLength: 40 }))
    .map(([opened, others]) => [...opened, ...others]),
  isDrainedAtWork: fc.boolean(),
  isTls: fc.boolean(),
});
