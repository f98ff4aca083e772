/**
 * The quota of a user: the conversations that they began or joined, which are capped.
 *
 * A reservation has the user's hash tag and the membership that of the conversation, so they cannot change in one step.
 * A reservation is taken before a user joins and given back after they left, each time with a stamp: giving back one
 * that was taken again meanwhile has no effect. A process that died in between leaves a reservation too many, never one
 * too few. The surplus is found when the quota is used up: the reservations checked longest ago are then compared with
 * the memberships, a few at a time.
 */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { ConversationId, TenantId, UserId } from '../../model.ts';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import type { Keys } from './keys.ts';
import { pairsOf } from './pairs.ts';
import type { RunScript } from './scripts.ts';
import type { UserKeys } from './subject-keys.ts';

/** Reservations compared with memberships when the quota is used up. */
const COMPARED = 16;

export interface Reservation {
  readonly conversationId: ConversationId;
  readonly stamp: string;
  /** Whether the user had it before. */
  readonly isEarlier: boolean;
}

export interface MembershipQuota {
  /**
   * Runs a script by which a user who has a reservation begins or joins a conversation. Where `keys` are given the
   * script checks the reservation itself; otherwise it gets the result as an argument. Resolves to the script's answer
   * and the reservation, which the caller keeps or gives back.
   */
  within<Answer extends readonly unknown[]>(
    taking: Promise<Reservation | null>,
    userKeys: UserKeys,
    change: (reservation: QuotaArgs) => Promise<Answer>,
  ): Promise<{ readonly answer: Answer; readonly reservation: Reservation | null }>;
  /** Null: the quota is used up. */
  take(tenant: TenantId, userId: UserId, id: ConversationId): Promise<Reservation | null>;
  /** The reservation of a user who is about to leave; null for none. */
  find(tenant: TenantId, userId: UserId, id: ConversationId): Promise<Reservation | null>;
  /** After an attempt to begin or join a conversation: keeps the reservation, or gives it back if the attempt failed. */
  conclude(
    tenant: TenantId,
    userId: UserId,
    id: ConversationId,
    result: { readonly reservation: Reservation | null; readonly isMember: boolean },
  ): Promise<void>;
  giveBack(tenant: TenantId, userId: UserId, reservation: Reservation): Promise<void>;
}

/** The arguments by which a script checks for a reservation: `hasReservation` in `lua/members.lua`. */
export interface QuotaArgs {
  readonly keys: readonly string[];
  readonly isReserved: '0' | '1';
}

/** For callers who need no reservation. */
export const NO_RESERVATION_NEEDED: QuotaArgs = { keys: [], isReserved: '1' };

interface QuotaParts {
  readonly client: RedisClient;
  readonly run: RunScript;
  readonly keys: Keys;
  readonly clock: Clock;
  /**
   * On one server reservations and conversations change in the order of the commands, so one round trip is enough for both.
   */
  readonly isOneServer: boolean;
  readonly most?: number | undefined;
}

/** Takes a reservation. When the quota is used up, returns reservations that may be surplus. */
async function reserve(
  { run, keys, clock, most = LIMITS.conversationsPerUser }: QuotaParts,
  tenant: TenantId,
  userId: UserId,
  id: ConversationId,
): Promise<Reservation | Reservation[]> {
  const [outcome, ...rest] = (await run(
    'take-reservation',
    [keys.user(tenant, userId).quota],
    [clock.offset(), id, most, TIMES.reservationLeaseMs, COMPARED],
  )) as string[];
  if (outcome !== 'full') return { conversationId: id, stamp: rest[0] ?? '', isEarlier: outcome === 'held' };
  return pairsOf(rest).map(([name, stamp]) => ({ conversationId: name as ConversationId, stamp, isEarlier: true }));
}

export function createMembershipQuota(parts: QuotaParts): MembershipQuota {
  const { client, run, keys, clock, isOneServer } = parts;

  async function agree(
    tenant: TenantId,
    userId: UserId,
    reservation: Pick<Reservation, 'conversationId' | 'stamp'>,
    isMember: boolean,
  ): Promise<void> {
    const { conversationId, stamp } = reservation;
    await run(
      'conclude-reservation',
      [keys.user(tenant, userId).quota],
      [clock.offset(), conversationId, stamp, isMember ? 1 : 0],
    );
  }

  /** Gives back surplus reservations. */
  async function compare(tenant: TenantId, userId: UserId, reservations: readonly Reservation[]): Promise<void> {
    await Promise.all(
      reservations.map(async (reservation) => {
        const { members } = keys.conversation(tenant, reservation.conversationId);
        const isMember = await attempt(() => client.hexists(members, userId));
        await agree(tenant, userId, reservation, isMember === 1);
      }),
    );
  }

  async function within<Answer extends readonly unknown[]>(
    taking: Promise<Reservation | null>,
    { quota }: UserKeys,
    change: (reservation: QuotaArgs) => Promise<Answer>,
  ): Promise<{ readonly answer: Answer; readonly reservation: Reservation | null }> {
    const reservedFirst = async (): Promise<Answer> => change({ keys: [], isReserved: (await taking) ? '1' : '0' });
    const [reservation, first] = await Promise.all([
      taking,
      isOneServer ? change({ keys: [quota], isReserved: '0' }) : reservedFirst(),
    ]);
    // The script may have run before the reservation was taken: after a comparison, or because the server had to
    // load one of the scripts.
    const answer = first[0] === 'quota-full' && reservation ? await reservedFirst() : first;
    return { answer, reservation };
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
      const stamp = await attempt(() => client.zscore(keys.user(tenant, userId).quota, id));
      return stamp === null ? null : { conversationId: id, stamp, isEarlier: true };
    },

    async conclude(tenant, userId, id, { reservation, isMember }) {
      // A user who left at the same moment may have given back the reservation taken here.
      if (isMember) await agree(tenant, userId, reservation ?? { conversationId: id, stamp: '' }, true);
      else if (reservation && !reservation.isEarlier) await agree(tenant, userId, reservation, false);
    },

    giveBack: (tenant, userId, reservation) => agree(tenant, userId, reservation, false),
  };
}
