/** Batches the reads of one execution: many objects of one type are one read of the engine. */
import DataLoader from 'dataloader';
import type { SeenConversation, SeenMessage } from '../access/seen.ts';
import type { Domain } from '../domain/domain.ts';
import type { UserConversationsPage } from '../domain/lists.ts';
import { ServiceError } from '../errors.ts';
import type {
  ConversationId,
  ConversationRecord,
  Membership,
  MessageId,
  MessageRecord,
  PresenceRecord,
  SessionRecord,
  TenantId,
  UserId,
  Viewer,
} from '../model.ts';

/** The viewer whose reads are batched. */
export interface LoadersOwner {
  readonly domain: Domain;
  readonly tenant: TenantId;
  readonly viewer: Viewer;
}

export interface Loaders {
  /** Conversations the viewer may see; null if absent or forbidden. */
  readonly visibleConversation: DataLoader<string, SeenConversation | null>;
  /** Messages the viewer may see; null if absent or forbidden. */
  readonly visibleMessage: DataLoader<string, SeenMessage | null>;
  /** Without a check: for `conversationOf` with a message that is seen. */
  readonly conversation: DataLoader<ConversationId, ConversationRecord | null>;
  /** Without a check: for `replyTargetOf` with a message that is seen. */
  readonly message: DataLoader<MessageId, MessageRecord | null>;
  /** The viewer's own membership. */
  readonly membership: DataLoader<ConversationId, Membership | null>;
  readonly presence: DataLoader<UserId, PresenceRecord>;
  /** Pages of users' lists. */
  readonly conversationsOf: DataLoader<ListOf, readonly SeenConversation[], string>;
  readonly unreadOf: DataLoader<UserId, number>;
  readonly sessionsOf: DataLoader<UserId, readonly SessionRecord[]>;
  readonly lastMessage: DataLoader<SeenConversation, SeenMessage | null, ConversationId>;
  /** The two users of a direct conversation. */
  readonly pair: DataLoader<SeenConversation, readonly UserId[], ConversationId>;
  readonly typingUsers: DataLoader<SeenConversation, readonly UserId[], ConversationId>;
}

/** A page of a user's list; equal reads are made once. */
export interface ListOf {
  readonly userId: UserId;
  readonly page: UserConversationsPage;
}

/** For reads of single values. Equal reads are made once. */
function once<Key, Value, CacheKey = Key>(
  load: (key: Key) => Promise<Value>,
  cacheKeyFn?: (key: Key) => CacheKey,
): DataLoader<Key, Value, CacheKey> {
  return new DataLoader((keys) => Promise.all(keys.map((key) => load(key).catch((error: Error) => error))), {
    ...(cacheKeyFn ? { cacheKeyFn } : {}),
  });
}

const idOf = ({ id }: SeenConversation): ConversationId => id;

/** Runs a batch. An invalid key fails alone. */
async function each<Key, Value>(
  keys: readonly Key[],
  load: (keys: readonly Key[]) => Promise<readonly Value[]>,
): Promise<(Value | Error)[]> {
  try {
    return [...(await load(keys))];
  } catch (error) {
    if (!(error instanceof ServiceError) || error.code !== 'BAD_USER_INPUT' || keys.length === 1) throw error;
    return Promise.all(
      keys.map((key) =>
        load([key]).then(
          ([value]) => value as Value,
          (fault: Error) => fault,
        ),
      ),
    );
  }
}

export function createLoaders(context: LoadersOwner): Loaders {
  const { domain } = context;
  return {
    visibleConversation: new DataLoader((ids) =>
      each(ids, (some) => domain.conversations.findMany(context.viewer, some)),
    ),
    visibleMessage: new DataLoader((ids) => each(ids, (some) => domain.messages.findMany(context.viewer, some))),
    conversation: new DataLoader((ids) => domain.conversations.readMany(context.tenant, ids)),
    message: new DataLoader((ids) => domain.messages.readMany(context.tenant, ids)),
    membership: new DataLoader((ids) => domain.conversations.membershipsOf(context.viewer, ids)),
    presence: new DataLoader((userIds) => domain.presence.read(context.tenant, userIds, () => context.viewer.userId)),
    conversationsOf: once(({ userId, page }) => domain.lists.pageOf(context.viewer, userId, page), JSON.stringify),
    unreadOf: once((userId) => domain.lists.unreadOf(context.viewer, userId)),
    sessionsOf: once((userId) => domain.sessions.ofUser(context.viewer, userId)),
    lastMessage: once((conversation) => domain.messages.last(context.tenant, conversation), idOf),
    pair: once((conversation) => domain.conversations.pair(context.tenant, conversation), idOf),
    typingUsers: once((conversation) => domain.typing.users(context.tenant, conversation), idOf),
  };
}
