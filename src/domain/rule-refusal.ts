/** The errors for messages that a tenant's routing rules refuse. */
import { ServiceError } from '../errors.ts';

const MESSAGES = {
  DROPPED: 'A routing rule of the tenant did not let it through.',
  RULE_FAILED: 'A routing rule of the tenant failed, and lets nothing through then.',
  ROUTED: 'A routing rule of the tenant sent it elsewhere.',
};

export function ruleRefusal(reason: keyof typeof MESSAGES): ServiceError {
  return new ServiceError('FORBIDDEN', MESSAGES[reason], { reason });
}
