/**
 * Blocking: a blocked user cannot message the blocker directly, add the blocker to conversations or see the blocker's presence.
 *
 * The blocked user is not notified, and gets the same errors as any user without the right.
 */
import type { Engine, WritingPage } from '../engine/port.ts';
import { badInput, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { ConversationId, MessageRecord, TenantId, UserId, Viewer } from '../model.ts';
import { directId, isDirect } from './direct-id.ts';
import { userIdentifier } from './input.ts';

export interface Blocks {
  /** False: nothing changed. */
  set(viewer: Viewer, userId: string, isBlocked: boolean): Promise<boolean>;
  /** The users whom the viewer blocks. */
  list(viewer: Viewer): Promise<readonly UserId[]>;
  /** @throws {ServiceError} FORBIDDEN when one of these users blocks the viewer. */
  refuse(viewer: Viewer, userIds: readonly UserId[]): Promise<void>;
  /** The same for the other user of a direct conversation. */
  refuseIn(viewer: Viewer, id: ConversationId): Promise<void>;
  /** The other user of the viewer's direct conversation; null for any other conversation. */
  otherIn(viewer: Viewer, id: ConversationId): Promise<UserId | null>;
}

/**
 * Ends the messages that a blocked user is writing to the blocker, without further text. Held text did not pass the
 * rules, so it is not shown.
 */
async function endWritings(engine: Engine, tenant: TenantId, id: ConversationId, senderId: UserId): Promise<void> {
  for (let after: number | null = 0; after !== null; ) {
    const page: WritingPage = await engine.listWritings(tenant, id, after);
    for (const message of page.messages) if (message.senderId === senderId) await endWriting(engine, tenant, message);
    after = page.next;
  }
}

async function part(engine: Engine, tenant: TenantId, userId: UserId, blockedId: UserId): Promise<void> {
  const id = directId(userId, blockedId);
  await endWritings(engine, tenant, id, blockedId);
  for (const each of [userId, blockedId]) await engine.setTyping(tenant, id, each, false);
}

async function endWriting(engine: Engine, tenant: TenantId, { id, senderId, via }: MessageRecord): Promise<void> {
  const writing = await engine.readWriting(tenant, id, { senderId, via });
  if (!writing) return;
  const rest = writing.isHeld ? { content: '', payload: null } : { content: null, payload: undefined };
  await engine.finishMessage(tenant, id, { senderId, via, state: 'ABORTED', length: null, ...rest });
}

export function createBlocks(engine: Engine): Blocks {
  /** The two users of direct conversations, which never change. */
  const pairs = new Map<string, readonly UserId[]>();

  async function pairOf(tenant: TenantId, id: ConversationId): Promise<readonly UserId[]> {
    const key = JSON.stringify([tenant, id]);
    const known = pairs.get(key);
    if (known) return known;
    const pair = (await engine.listMembers(tenant, id, 0, 2)).map(({ userId }) => userId);
    if (pair.length < 2) return pair;
    const [oldest] = pairs.keys();
    if (pairs.size >= LIMITS.rememberedPairs && oldest !== undefined) pairs.delete(oldest);
    pairs.set(key, pair);
    return pair;
  }

  async function otherIn({ tenant, userId }: Viewer, id: ConversationId): Promise<UserId | null> {
    if (!isDirect(id)) return null;
    const pair = await pairOf(tenant, id);
    // The engine refuses viewers that are not members.
    if (!pair.includes(userId)) return null;
    return pair.find((each) => each !== userId) ?? null;
  }

  async function refuse({ tenant, userId }: Viewer, userIds: readonly UserId[]): Promise<void> {
    if (userIds.length === 0) return;
    const blockers = await engine.findBlockers(tenant, userId, userIds);
    if (blockers.length > 0) throw new ServiceError('FORBIDDEN', 'The caller may not do this.');
  }

  return {
    async set({ tenant, userId }, other, isBlocked) {
      const blockedId = userIdentifier(other, 'userId');
      if (blockedId === userId) throw badInput('userId: must be another user.');
      const outcome = await engine.setBlocked(tenant, userId, blockedId, isBlocked);
      if (outcome === 'full') {
        throw new ServiceError('CONFLICT', `A user blocks at most ${LIMITS.blockedPerUser} others.`);
      }
      // Also for a user who is blocked already: the caller may repeat the call because this step failed.
      if (isBlocked) await part(engine, tenant, userId, blockedId);
      return outcome === 'changed';
    },

    async list({ tenant, userId }) {
      const [presence] = await engine.readPresence(tenant, [userId]);
      return presence?.blocked.toSorted() ?? [];
    },

    refuse,

    async refuseIn(viewer, id) {
      const other = await otherIn(viewer, id);
      if (other !== null) await refuse(viewer, [other]);
    },

    otherIn,
  };
}
