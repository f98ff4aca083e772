/** Federation's `_entities`: representations are checked like any other input. */
import type { GraphQLFieldResolver } from 'graphql';
import { identifier, userIdentifier } from '../domain/input.ts';
import { badInput, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { ConversationId, MessageId, SessionId, UserId } from '../model.ts';
import type { Context } from './context.ts';

interface Reference {
  /** The key may have any JSON type. */
  readonly id: unknown;
}

const NAME = 'representations: id';

function textOf({ id }: Reference): string {
  if (typeof id === 'string') return id;
  throw badInput(`${NAME} must be a string.`);
}

/** The id in a representation. */
export const referenceId = <Id extends ConversationId | MessageId | SessionId>(reference: Reference): Id =>
  identifier<ConversationId | MessageId | SessionId>(textOf(reference), NAME) as Id;

export const userReferenceId = (reference: Reference): UserId => userIdentifier(textOf(reference), NAME);

const ENTITIES = new Set<unknown>(['Conversation', 'Message', 'Session', 'User']);

type Resolve = GraphQLFieldResolver<unknown, Context>;

/**
 * Resolves each representation separately, in order. A malformed one is an error at its place only.
 *
 * @throws {ServiceError} BAD_USER_INPUT over the cap.
 */
export function eachAlone(resolve: Resolve): Resolve {
  return (source, args, context, info) => {
    const representations = args.representations as readonly unknown[];
    if (representations.length > LIMITS.representations) {
      throw badInput(`representations: must have at most ${LIMITS.representations} items.`);
    }
    return representations.map((representation) => {
      try {
        requireEntity(representation);
        const [entity] = resolve(source, { representations: [representation] }, context, info) as unknown[];
        return entity;
      } catch (error) {
        // graphql-js reports an error in a list as the error of that item.
        return error;
      }
    });
  };
}

function requireEntity(representation: unknown): void {
  const isObject = typeof representation === 'object' && representation !== null;
  if (!isObject || !('__typename' in representation) || !ENTITIES.has(representation.__typename)) {
    throw badInput('representations: must be entities of this subgraph.');
  }
}

/** @throws {ServiceError} FORBIDDEN for callers who are not the gateway, when `GATEWAY_SECRET` is set. */
export function requireGateway({ isTrustedGateway }: Context): void {
  if (!isTrustedGateway)
    throw new ServiceError('FORBIDDEN', 'Only a gateway with Router-Authorization may send this query.');
}
