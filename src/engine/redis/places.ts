/**
 * Places: the conversations that a user began or joined, which are capped per user.
 *
 * A place lives under the user's hash tag and the membership under the
 * conversation's, so one cannot change with the other. A place is taken before a
 * user joins and given back after they left, each time with a stamp: giving back a
 * place that was taken again meanwhile has no effect. A process that died in
 * between leaves a place too many, never one too few. The surplus is
 * found when the user has none left: the places checked longest ago are then
 * compared with the memberships, a few at a time.
 */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { ConversationId, TenantId, UserId } from '../../model.ts';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';
import type { UserKeys } from './subject-keys.ts';

/** Places compared with their memberships when there is none left. */
const COMPARED = 16;

export interface Place {
  readonly conversationId: ConversationId;
  readonly stamp: string;
  /** Whether the user had it before. */
  readonly isHeld: boolean;
}

export interface Places {
  /**
   * Has a conversation begun or joined by one who has a place in it: the script that does so looks itself where `key`
   * is given, and is told otherwise. Resolves to its answer, and the place. The caller keeps that or gives it back.
   */
  within<Answer extends readonly unknown[]>(
    taking: Promise<Place | null>,
    userKeys: UserKeys,
    change: (place: PlaceArgs) => Promise<Answer>,
  ): Promise<{ readonly answer: Answer; readonly place: Place | null }>;
  /** Null: the user has no place left. */
  take(tenant: TenantId, userId: UserId, id: ConversationId): Promise<Place | null>;
  /** The place of a user who is about to leave; null for none. */
  find(tenant: TenantId, userId: UserId, id: ConversationId): Promise<Place | null>;
  /** After somebody began or joined a conversation: keeps the place, or gives back one that was taken for nothing. */
  settle(
    tenant: TenantId,
    userId: UserId,
    id: ConversationId,
    result: { readonly place: Place | null; readonly isMember: boolean },
  ): Promise<void>;
  giveBack(tenant: TenantId, userId: UserId, place: Place): Promise<void>;
}

/** The arguments by which a script checks for a free place: `hasPlace` in `lua/members.lua`. */
export interface PlaceArgs {
  readonly keys: readonly string[];
  readonly told: '0' | '1';
}

/** Of somebody who needs none. */
export const NO_PLACE_NEEDED: PlaceArgs = { keys: [], told: '1' };

interface PlacesParts {
  readonly client: RedisClient;
  readonly run: RunScript;
  readonly keys: Keys;
  readonly clock: Clock;
  /** Then places and conversations change in the order in which that is asked, and one round trip is enough for both. */
  readonly isOneServer: boolean;
  readonly most?: number | undefined;
}

/** Reserves a place; or, where there is none, those that may be nobody's any more. */
async function reserve(
  { run, keys, clock, most = LIMITS.conversationsPerUser }: PlacesParts,
  tenant: TenantId,
  userId: UserId,
  id: ConversationId,
): Promise<Place | Place[]> {
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

export function createPlaces(parts: PlacesParts): Places {
  const { client, run, keys, clock, isOneServer } = parts;

  async function agree(
    tenant: TenantId,
    userId: UserId,
    place: Pick<Place, 'conversationId' | 'stamp'>,
    isMember: boolean,
  ): Promise<void> {
    const { conversationId, stamp } = place;
    await run(
      'settle-place',
      [keys.user(tenant, userId).places],
      [clock.offset(), conversationId, stamp, isMember ? 1 : 0],
    );
  }

  /** Gives back the places of these that are nobody's. */
  async function compare(tenant: TenantId, userId: UserId, places: readonly Place[]): Promise<void> {
    await Promise.all(
      places.map(async (place) => {
        const { members } = keys.conversation(tenant, place.conversationId);
        const isMember = await attempt(() => client.hexists(members, userId));
        await agree(tenant, userId, place, isMember === 1);
      }),
    );
  }

  async function within<Answer extends readonly unknown[]>(
    taking: Promise<Place | null>,
    { places }: UserKeys,
    change: (place: PlaceArgs) => Promise<Answer>,
  ): Promise<{ readonly answer: Answer; readonly place: Place | null }> {
    const told = async (): Promise<Answer> => change({ keys: [], told: (await taking) ? '1' : '0' });
    const [place, first] = await Promise.all([taking, isOneServer ? change({ keys: [places], told: '0' }) : told()]);
    // Places were compared with memberships, or the server had forgotten one of the scripts: the other one came first.
    const answer = first[0] === 'no-place' && place ? await told() : first;
    return { answer, place };
  }

  return {
    within,

    async take(tenant, userId, id) {
      const first = await reserve(parts, tenant, userId, id);
      if (!Array.isArray(first)) return first;
      await compare(tenant, userId, first);
      const second = await reserve(parts, tenant, userId, id);
      return Array.isArray(second) ? null : second;
    },

    async find(tenant, userId, id) {
      const stamp = await attempt(() => client.zscore(keys.user(tenant, userId).places, id));
      return stamp === null ? null : { conversationId: id, stamp, isHeld: true };
    },

    async settle(tenant, userId, id, { place, isMember }) {
      // A user who left in the same moment may have given back the place that was taken here.
      if (isMember) await agree(tenant, userId, place ?? { conversationId: id, stamp: '' }, true);
      else if (place && !place.isHeld) await agree(tenant, userId, place, false);
    },

    giveBack: (tenant, userId, place) => agree(tenant, userId, place, false),
  };
}
