/** Federation's `_entities`: representations are checked like any other input. */
import { identifier } from '../domain/input.ts';
import { badInput, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Context } from './context.ts';

/** The id a representation names: its key may be of any JSON type. */
export function referenceId<Id extends string>(reference: { readonly id: unknown }): Id {
  if (typeof reference.id !== 'string') throw badInput('representations: id is a string.');
  return identifier<Id>(reference.id as string, 'representations: id');
}

/** @throws {ServiceError} BAD_USER_INPUT over the cap. */
export function checkRepresentations({ representations }: { readonly representations?: unknown }): void {
  if (Array.isArray(representations) && representations.length > LIMITS.representations) {
    throw badInput(`representations: at most ${LIMITS.representations}.`);
  }
}

/** @throws {ServiceError} FORBIDDEN for callers who are not the gateway, when `GATEWAY_SECRET` is set. */
export function requireGateway({ isTrustedGateway }: Context): void {
  if (!isTrustedGateway) throw new ServiceError('FORBIDDEN', 'Only the gateway may ask for this.');
}
