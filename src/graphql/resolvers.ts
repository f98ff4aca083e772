/** The resolvers of all nouns, put together by type. */
import type { GraphQLFieldResolver, GraphQLScalarType } from 'graphql';
import { DateTimeISOResolver } from 'graphql-scalars';
import type { Resolvers, ResolversParentTypes } from '../__generated__/resolvers.ts';
import type { Context } from './context.ts';
import { JSONScalar } from './json.ts';
import * as consumers from './resolvers/consumers.ts';
import * as conversations from './resolvers/conversations.ts';
import * as inbox from './resolvers/inbox.ts';
import * as inboxStream from './resolvers/inbox-stream.ts';
import * as messages from './resolvers/messages.ts';
import * as presence from './resolvers/presence.ts';
import * as routingRules from './resolvers/routing-rules.ts';
import * as sessions from './resolvers/sessions.ts';
import * as streamedMessages from './resolvers/streamed-messages.ts';
import * as topicPolicies from './resolvers/topic-policies.ts';
import * as topics from './resolvers/topics.ts';
import * as typing from './resolvers/typing.ts';
import * as users from './resolvers/users.ts';
import * as webhooks from './resolvers/webhooks.ts';

const PARTS = [
  conversations,
  inbox,
  inboxStream,
  messages,
  presence,
  routingRules,
  consumers,
  sessions,
  streamedMessages,
  topicPolicies,
  topics,
  typing,
  users,
  webhooks,
] as const;

/** By type: the fields that have a resolver. */
type Resolved = (
  (typeof PARTS)[number] extends infer Part
    ? Part extends unknown
      ? (part: Part) => void
      : never
    : never
) extends (parts: infer All) => void
  ? All
  : never;
type ResolvedIn<Name> = Name extends keyof Resolved ? keyof Resolved[Name] : never;
/** The properties of a type's record. Those of a root are not known by name. */
type PropertyOf<Record> = string extends keyof Record ? never : keyof Record;
type FieldOf<Name extends keyof Resolvers> =
  NonNullable<Resolvers[Name]> extends GraphQLScalarType
    ? never
    : Exclude<keyof NonNullable<Resolvers[Name]>, '__isTypeOf'>;
type Unresolved = {
  [Name in keyof Resolvers]-?: Exclude<FieldOf<Name>, ResolvedIn<Name> | PropertyOf<ResolversParentTypes[Name]>>;
}[keyof Resolvers];
type None<Fields extends never> = Fields;
/**
 * Does not compile while a field of the schema has neither a resolver nor a property of that name in its record, or an
 * entity has no `__resolveReference`: a reference would then be answered without a check.
 */
export type Forgotten = None<Unresolved>;

export type Resolver = GraphQLFieldResolver<unknown, Context>;
type ResolverMap = Record<string, Record<string, Resolver>>;

/** The functions of a scalar. Its name and description are those of the SDL. */
function behaviourOf({ serialize, parseValue, parseLiteral }: GraphQLScalarType): object {
  return { serialize, parseValue, parseLiteral };
}

/** Several nouns may add fields to a type. */
export function collectResolvers(): ResolverMap {
  const collected: Record<string, object> = {
    DateTime: behaviourOf(DateTimeISOResolver),
    JSON: behaviourOf(JSONScalar),
  };
  for (const part of PARTS)
    for (const [type, fields] of Object.entries(part)) collected[type] = { ...collected[type], ...fields };
  return collected as ResolverMap;
}
