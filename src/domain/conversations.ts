/** The rules of conversations: who creates, reads, renames and deletes them. */
import {
  changed,
  keepAs,
  type MarkedConversation,
  markReadAs,
  requireRole,
  requireSeen,
  type SeenConversation,
} from '../access/seen.ts';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { badInput, notFound, ServiceError } from '../errors.ts';
import type { ConversationId, Meter, Viewer } from '../model.ts';
import type { Blocks } from './blocks.ts';
import { type ConversationReads, createConversationReads } from './conversation-reads.ts';
import { identifier, natural } from './input.ts';
import { createMembers, type Members } from './members.ts';
import { checkedActor, refuseDirect, resultOf } from './membership-change.ts';
import { conversationName, createOpening, type Opening } from './opening.ts';

export interface Conversations extends ConversationReads, Opening, Members {
  rename(viewer: Viewer, id: string, name: string | null): Promise<SeenConversation>;
  markRead(viewer: Viewer, meter: Meter, id: string, sequence: number): Promise<SeenConversation | MarkedConversation>;
  /** A direct conversation is only hidden from the viewer, until its next message. */
  delete(viewer: Viewer, id: string): Promise<void>;
}

function pastHead(): ServiceError {
  return badInput('sequence: must be at most the sequence of the last message.');
}

export function createConversations(engine: Engine, clock: Clock, blocks: Blocks): Conversations {
  return {
    ...createConversationReads(engine),
    ...createOpening(engine, blocks),
    ...createMembers(engine, blocks),

    async rename(viewer, id, name) {
      const cleanName = conversationName(name);
      const { conversation } = await requireRole(engine, viewer, identifier(id, 'id'), 'MODERATOR');
      refuseDirect(conversation);
      return changed(
        conversation,
        resultOf(await engine.renameConversation(viewer.tenant, conversation.id, cleanName)),
      );
    },

    async delete(viewer, id) {
      const conversationId = identifier<ConversationId>(id, 'id');
      const { conversation } = await requireSeen(engine, viewer, conversationId);
      if (conversation.kind === 'DIRECT') {
        await keepAs(engine, viewer, conversationId, { isHidden: true });
        return;
      }
      await requireRole(engine, viewer, conversationId, 'OWNER');
      const actor = checkedActor(viewer, 'OWNER');
      const outcome = await engine.deleteConversation(viewer.tenant, conversationId, actor);
      if (outcome === 'not-found') throw notFound('conversation');
      if (outcome === 'not-allowed') {
        await requireSeen(engine, viewer, conversationId);
        throw new ServiceError('FORBIDDEN', 'The caller no longer has the right to do this.');
      }
    },

    async markRead(viewer, meter, id, sequence) {
      const conversationId = identifier<ConversationId>(id, 'conversationId');
      natural(sequence, 'sequence');
      return meter.signal({
        kind: `read ${conversationId}`,
        // Moves forward only: an earlier value never replaces a later one.
        rank: sequence,
        late: 'in-turn',
        async apply() {
          const change = await markReadAs(engine, viewer, conversationId, sequence);
          if (change.outcome === 'not-member') throw notFound('conversation');
          if (change.outcome === 'past-head') throw pastHead();
          return change.conversation;
        },
        async asIfApplied() {
          const { conversation, membership } = await requireSeen(engine, viewer, conversationId);
          if (!membership) throw notFound('conversation');
          if (sequence > conversation.lastSequence) throw pastHead();
          if (sequence === 0 || sequence < membership.readSequence) return conversation;
          const { ordinal } = membership;
          return { ...conversation, ownReceipt: { ordinal, userId: viewer.userId, sequence, readAt: clock.now() } };
        },
      });
    },
  };
}
