/** The position at which a stream begins in each of its conversations. */
import type { ServiceError } from '../../errors.ts';
import { inParts } from '../../in-parts.ts';
import type { Position } from '../../model.ts';
import type { Following } from './following.ts';
import { asServiceError, type Replay } from './replay.ts';

export interface Start<Event extends object> {
  readonly following: Following<Event>;
  readonly from: Position;
  /** Whether the reader has everything before that position and is to get everything after it. */
  readonly isResumed: boolean;
  /** Null: it begins live. */
  readonly replay: Replay | null;
  /** The reason for which it does not begin at the reader's position. */
  readonly expiry: ServiceError | null;
}

/** Called for each conversation that a stream begins at its reader's position, or cannot. */
export type CountResume = (outcome: 'resumed' | 'expired') => void;

/** Null: the conversation was deleted meanwhile. */
async function preparedOne<Event extends object>(
  start: Start<Event>,
  isForgiving: boolean,
  countResume: CountResume,
): Promise<Start<Event> | null> {
  const { following, replay } = start;
  try {
    const expiry = (await replay?.prepare(isForgiving)) ?? null;
    if (start.isResumed) countResume(expiry ? 'expired' : 'resumed');
    if (!expiry) return start;
    const from = (await following.channel.readHead()) ?? following.channel.position;
    return { following, from, isResumed: false, replay: null, expiry };
  } catch (error) {
    const { code } = asServiceError(error);
    if (code === 'NOT_FOUND') return null;
    if (code === 'POSITION_EXPIRED') countResume('expired');
    throw error;
  }
}

/**
 * Reads the first page of each replay. `isForgiving`: a conversation whose position expired begins live.
 * `leave` is called for a conversation that was deleted meanwhile.
 *
 * @throws {ServiceError} POSITION_EXPIRED; no replay holds a page then.
 */
export async function prepared<Event extends object>(
  starts: readonly Start<Event>[],
  isForgiving: boolean,
  leave: (following: Following<Event>) => void,
  countResume: CountResume,
): Promise<Start<Event>[]> {
  const prepare = async (start: Start<Event>): Promise<Start<Event> | null> => {
    const beginning = await preparedOne(start, isForgiving, countResume);
    if (!beginning) leave(start.following);
    return beginning;
  };
  const beginnings = (await inParts(starts, (part) => Promise.allSettled(part.map(prepare)))).flat();
  const failed = beginnings.find((each) => each.status === 'rejected');
  if (!failed) return beginnings.flatMap((each) => (each.status === 'fulfilled' ? (each.value ?? []) : []));
  for (const { replay } of starts) replay?.close();
  throw failed.reason;
}
