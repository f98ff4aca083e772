/**
 * The rate of every field that changes something.
 *
 * The meter runs before the field's resolver. Only the operation itself can handle a signal or a batch item over its
 * rate, so it takes the meter as an argument.
 */
import { defaultFieldResolver, type GraphQLObjectType, type GraphQLSchema } from 'graphql';
import type {
  MutationAddMembersArgs,
  MutationCreateConversationArgs,
  MutationResolvers,
  QueryResolvers,
} from '../__generated__/resolvers.ts';
import { ServiceError } from '../errors.ts';
import type { Change } from '../model.ts';
import type { Context } from './context.ts';

/** A change that names people. Each person is counted. */
interface Naming {
  readonly change: Exclude<Change, 'signal'>;
  readonly named: (args: never) => number;
}

/** `batch`: the operation counts each item as a message; an item over the rate fails alone. */
type Metered = Change | 'batch' | Naming;

export const MUTATIONS = {
  sendMessage: 'message',
  sendDirectMessage: 'message',
  sendMessages: 'batch',
  publish: 'message',
  publishMany: 'batch',
  editMessage: 'message',
  deleteMessage: 'message',
  startMessage: 'append',
  appendToMessage: 'append',
  finishMessage: 'append',
  stopMessage: 'append',
  setTyping: 'signal',
  setPresence: 'signal',
  markRead: 'signal',
  addReaction: 'reaction',
  removeReaction: 'reaction',
  createConversation: {
    change: 'creation',
    named: ({ input }: MutationCreateConversationArgs) => input.memberIds?.length ?? 0,
  },
  openDirectConversation: { change: 'creation', named: () => 1 },
  addMembers: { change: 'membership', named: ({ userIds }: MutationAddMembersArgs) => userIds.length },
  updateConversation: 'membership',
  joinConversation: 'membership',
  leaveConversation: 'membership',
  removeMember: 'membership',
  setMemberRole: 'membership',
  deleteConversation: 'membership',
  muteConversation: 'list',
  archiveConversation: 'list',
  pinConversation: 'list',
  markUnread: 'list',
  blockUser: 'list',
  unblockUser: 'list',
  createSession: 'session-creation',
  refreshSession: 'session',
  revokeSession: 'session',
  revokeUser: 'session',
  revokeOtherSessions: 'session',
  saveRoutingRule: 'admin',
  deleteRoutingRule: 'admin',
  saveConsumer: 'admin',
  deleteConsumer: 'admin',
  pullEvents: 'append',
  ackEvents: 'append',
  saveWebhook: 'admin',
  deleteWebhook: 'admin',
  redeliver: 'admin',
  saveTopicPolicy: 'admin',
  deleteTopicPolicy: 'admin',
} as const satisfies { readonly [Field in keyof MutationResolvers]-?: Metered };

/** Queries that are metered like changes. */
export const QUERIES = {
  testRoutingRule: 'rule-test',
} as const satisfies { readonly [Field in keyof QueryResolvers]?: Metered };

export function meterChanges(schema: GraphQLSchema): void {
  meterFields(schema.getMutationType(), MUTATIONS);
  meterFields(schema.getQueryType(), QUERIES);
}

function meterFields(type: GraphQLObjectType | null | undefined, metered: { readonly [name: string]: Metered }): void {
  const fields = type?.getFields() ?? {};
  for (const [name, by] of Object.entries(metered)) {
    const field = fields[name];
    if (!field) throw new Error(`The schema has no ${name}.`);
    if (by === 'signal' || by === 'batch') continue;
    const { change, named } = typeof by === 'string' ? { change: by, named: () => 0 } : by;
    const resolve = field.resolve ?? defaultFieldResolver;
    field.resolve = (source, args, context: Context, info) => {
      const people = named(args as never);
      context.meter.count(change, people);
      const answer: unknown = resolve(source, args, context, info);
      return people > 0 ? refundBadInput(answer, () => context.meter.unname(people)) : answer;
    };
  }
}

/** Bad input counts as a change, so that it has a rate; the people that it named are given back. */
export async function refundBadInput(answer: unknown, giveBack: () => void): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'BAD_USER_INPUT') giveBack();
    throw error;
  }
}
