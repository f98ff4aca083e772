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

const ENTITIES = new Set(['Conversation', 'Message', 'Session', 'User']);

/** @throws {ServiceError} BAD_USER_INPUT over the cap, or for a type that is no entity of ours. */
export function checkRepresentations({ representations }: { readonly representations?: unknown }): void {
  if (!Array.isArray(representations)) return;
  if (representations.length > LIMITS.representations) {
    throw badInput(`representations: at most ${LIMITS.representations}.`);
  }
  for (const representation of representations as { readonly __typename?: unknown }[]) {
    if (!ENTITIES.has(String(representation?.__typename)))
      throw badInput('representations: no entity of this subgraph.');
  }
}

/** @throws {ServiceError} FORBIDDEN for callers who are not the gateway, when `GATEWAY_SECRET` is set. */
export function requireGateway({ isTrustedGateway }: Context): void {
  if (!isTrustedGateway) throw new ServiceError('FORBIDDEN', 'Only the gateway may ask for this.');
}
