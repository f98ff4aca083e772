/** Batches the reads of one execution: many objects of one type cost one read of the engine. */
import DataLoader from 'dataloader';
import type { SeenConversation, SeenMessage } from '../access/seen.ts';
import type { Domain } from '../domain/domain.ts';
import { ServiceError } from '../errors.ts';
import type {
  ConversationId,
  ConversationRecord,
  Membership,
  MessageId,
  MessageRecord,
  PresenceRecord,
  TenantId,
  UserId,
  Viewer,
} from '../model.ts';

/** Whose reads are batched. */
export interface LoadersOwner {
  readonly domain: Domain;
  readonly tenant: TenantId;
  readonly viewer: Viewer;
}

export interface Loaders {
  /** Conversations the viewer may see; null for absent and forbidden alike. */
  readonly visibleConversation: DataLoader<string, SeenConversation | null>;
  /** Messages the viewer may see; null for absent and forbidden alike. */
  readonly visibleMessage: DataLoader<string, SeenMessage | null>;
  /** Unchecked: for `conversationOf` a message that is seen. */
  readonly conversation: DataLoader<ConversationId, ConversationRecord | null>;
  /** Unchecked: for `replyTargetOf` a message that is seen. */
  readonly message: DataLoader<MessageId, MessageRecord | null>;
  /** The viewer's own membership. */
  readonly membership: DataLoader<ConversationId, Membership | null>;
  readonly presence: DataLoader<UserId, PresenceRecord>;
}

/** Runs a batch in which a bad key fails alone. */
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
    presence: new DataLoader((userIds) => domain.presence.read(context.tenant, userIds)),
  };
}
