/**
 * Places: the conversations a user began or joined, of which each has so many.
 *
 * A place lives under the user's hash tag and the membership under the
 * conversation's, so one cannot change with the other. A place is taken before
 * somebody joins and given back after they left, each time with a stamp: whoever
 * gives back a place that was taken anew meanwhile gives back nothing. What is left
 * of a process that died in between takes a place too many, never too few, and is
 * found when the user has none left: the places not looked at for longest are then
 * compared with the memberships, a few at a time.
 */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { ConversationId, TenantId, UserId } from '../../model.ts';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';

/** Places compared with their memberships when there is none left. */
const COMPARED = 16;

export interface Place {
  readonly conversationId: ConversationId;
  readonly stamp: string;
  /** Whether the user had it before. */
  readonly isHeld: boolean;
}

export interface Places {
  /** Null: the user has no place left. */
  take(tenant: TenantId, userId: UserId, id: ConversationId): Promise<Place | null>;
  /** The place of a user who is about to leave; null for none. */
  find(tenant: TenantId, userId: UserId, id: ConversationId): Promise<Place | null>;
  keep(tenant: TenantId, userId: UserId, place: Place): Promise<void>;
  giveBack(tenant: TenantId, userId: UserId, place: Place): Promise<void>;
}

export function createPlaces(
  client: RedisClient,
  run: RunScript,
  keys: Keys,
  clock: Clock,
  most: number = LIMITS.conversationsPerUser,
): Places {
  async function settle(tenant: TenantId, userId: UserId, place: Place, isMember: boolean): Promise<void> {
    const { conversationId, stamp } = place;
    await run(
      'settle-place',
      [keys.user(tenant, userId).places],
      [clock.offset(), conversationId, stamp, isMember ? 1 : 0],
    );
  }

  async function reserve(tenant: TenantId, userId: UserId, id: ConversationId): Promise<Place | Place[]> {
    const [outcome, ...rest] = (await run(
      'reserve-place',
      [keys.user(tenant, userId).places],
      [clock.offset(), id, most, TIMES.placeLeaseMs, COMPARED],
    )) as string[];
    if (outcome !== 'full') return { conversationId: id, stamp: rest[0] ?? '', isHeld: outcome === 'held' };
    return rest.flatMap((conversationId, index) =>
      index % 2 === 0
        ? [{ conversationId: conversationId as ConversationId, stamp: rest[index + 1] ?? '', isHeld: true }]
        : [],
    );
  }

  /** Gives back the places of these that are nobody's. */
  async function compare(tenant: TenantId, userId: UserId, places: readonly Place[]): Promise<void> {
    await Promise.all(
      places.map(async (place) => {
        const { members } = keys.conversation(tenant, place.conversationId);
        const isMember = await attempt(() => client.hexists(members, userId));
        await settle(tenant, userId, place, isMember === 1);
      }),
    );
  }

  return {
    async take(tenant, userId, id) {
      const first = await reserve(tenant, userId, id);
      if (!Array.isArray(first)) return first;
      await compare(tenant, userId, first);
      const second = await reserve(tenant, userId, id);
      return Array.isArray(second) ? null : second;
    },

    async find(tenant, userId, id) {
      const stamp = await attempt(() => client.zscore(keys.user(tenant, userId).places, id));
      return stamp === null ? null : { conversationId: id, stamp, isHeld: true };
    },

    keep: (tenant, userId, place) => settle(tenant, userId, place, true),
    giveBack: (tenant, userId, place) => settle(tenant, userId, place, false),
  };
}
