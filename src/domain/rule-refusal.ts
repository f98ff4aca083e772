/** The errors for messages that a tenant's routing rules refuse. */
import { ServiceError } from '../errors.ts';

const MESSAGES = {
  DROPPED: 'A routing rule of the tenant dropped the message.',
  RULE_FAILED: 'A routing rule of the tenant failed, and refuses messages when it fails.',
  ROUTED: 'A routing rule of the tenant delivered the message elsewhere.',
};

export function ruleRefusal(reason: keyof typeof MESSAGES): ServiceError {
  return new ServiceError('FORBIDDEN', MESSAGES[reason], { reason });
}
