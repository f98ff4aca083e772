/** Typing: only members type, and typing ends by itself. */
import { requireSeen, type SeenConversation } from '../access/seen.ts';
import type { Engine } from '../engine/port.ts';
import { notFound, ServiceError } from '../errors.ts';
import type { ConversationId, Meter, TenantId, UserId, Viewer } from '../model.ts';
import type { Blocks } from './blocks.ts';
import { identifier } from './input.ts';

export interface Typing {
  /** Returns the new state. */
  set(viewer: Viewer, meter: Meter, conversationId: string, isTyping: boolean): Promise<boolean>;
  /** The users typing in a conversation now. */
  users(tenant: TenantId, conversation: SeenConversation): Promise<UserId[]>;
}

const notMember = (): ServiceError => new ServiceError('FORBIDDEN', 'Only members may type.');

export function createTyping(engine: Engine, blocks: Blocks): Typing {
  /** Typing reveals presence, so it is hidden for a user with status OFFLINE, and between two users with a block. */
  async function isHidden(viewer: Viewer, id: ConversationId): Promise<boolean> {
    const { tenant, userId } = viewer;
    const other = await blocks.otherIn(viewer, id);
    const [[presence, theirs], [membership]] = await Promise.all([
      engine.readPresence(tenant, other === null ? [userId] : [userId, other]),
      engine.readMemberships(tenant, [{ conversationId: id, userId }]),
    ]);
    if (membership === null) return false;
    const isApart = theirs?.blocked.includes(userId) || (other !== null && presence?.blocked.includes(other));
    return presence?.hides === true || isApart === true;
  }

  async function apply(viewer: Viewer, id: ConversationId, isTyping: boolean): Promise<boolean> {
    if (isTyping && (await isHidden(viewer, id))) return true;
    const record = await engine.setTyping(viewer.tenant, id, viewer.userId, isTyping);
    if (record) return record.isTyping;
    await requireSeen(engine, viewer, id);
    throw notMember();
  }

  /** A call without the right is refused, also over the rate. */
  async function asIfApplied(viewer: Viewer, id: ConversationId, isTyping: boolean): Promise<boolean> {
    const { membership } = await requireSeen(engine, viewer, id);
    if (!membership) throw notMember();
    return isTyping;
  }

  return {
    async set(viewer, meter, conversationId, isTyping) {
      const id = identifier<ConversationId>(conversationId, 'conversationId');
      return meter.signal({
        kind: `typing ${id}`,
        rank: 0,
        // A stop is never dropped. A start may be dropped, since typing ends by itself (G12).
        late: isTyping ? 'let-go' : 'first',
        apply: () => apply(viewer, id, isTyping),
        asIfApplied: () => asIfApplied(viewer, id, isTyping),
      });
    },

    async users(tenant, { id }) {
      const [records] = await engine.readTyping(tenant, [id]);
      if (!records) throw notFound('conversation');
      return records.map(({ userId }) => userId);
    },
  };
}
