/**
 * Places: the conversations that a user began or joined, which are capped per user.
 *
 * A place has the user's hash tag and the membership that of the conversation, so they cannot change in one step. A
 * place is taken before a user joins and given back after they left, each time with a stamp: giving back a place that
 * was taken again meanwhile has no effect. A process that died in between leaves a place too many, never one too few.
 * The surplus is found when the user has none left: the places checked longest ago are then compared with the
 * memberships, a few at a time.
 */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { ConversationId, TenantId, UserId } from '../../model.ts';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';
import type { UserKeys } from './subject-keys.ts';

/** Places compared with memberships when a user has none left. */
const COMPARED = 16;

export interface Place {
  readonly conversationId: ConversationId;
  readonly stamp: string;
  /** Whether the user had the place before. */
  readonly isHeld: boolean;
}

export interface Places {
  /**
   * Runs a script by which a user who has a place begins or joins a conversation. Where `keys` are given the script
   * checks the place itself; otherwise it gets the result as an argument. Resolves to the script's answer and the
   * place, which the caller keeps or gives back.
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
  /** After an attempt to begin or join a conversation: keeps the place, or gives it back if the attempt failed. */
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

/** For callers who need no place. */
export const NO_PLACE_NEEDED: PlaceArgs = { keys: [], told: '1' };

interface PlacesParts {
  readonly client: RedisClient;
  readonly run: RunScript;
  readonly keys: Keys;
  readonly clock: Clock;
  /**
   * On one server places and conversations change in the order of the commands, so one round trip is enough for both.
   */
  readonly isOneServer: boolean;
  readonly most?: number | undefined;
}

/** Reserves a place. When none is left, returns places that may be surplus. */
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

  /** Gives back surplus places. */
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
    // The script may have run before the place was taken: after a comparison of places, or because the server had to
    // load one of the scripts.
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
      // A user who left at the same moment may have given back the place taken here.
      if (isMember) await agree(tenant, userId, place ?? { conversationId: id, stamp: '' }, true);
      else if (place && !place.isHeld) await agree(tenant, userId, place, false);
    },

    giveBack: (tenant, userId, place) => agree(tenant, userId, place, false),
  };
}
