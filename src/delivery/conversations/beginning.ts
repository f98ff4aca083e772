/** The beginning of a stream in each of its conversations: its position there, and how it goes live from it. */
import { accessTo } from '../../access/seen.ts';
import type { ServiceError } from '../../errors.ts';
import { askInParts, inParts } from '../../in-parts.ts';
import type { ConversationId, Position } from '../../model.ts';
import type { OwnConversations } from '../inbox/own-conversations.ts';
import { isSame } from './client-positions.ts';
import type { FollowedConversation } from './followed-conversation.ts';
import type { FollowedConversations } from './followed-conversations.ts';
import { asServiceError, type Replay } from './replay.ts';
import type { Replays } from './replays.ts';
import type { Rights } from './rights.ts';
import type { ConversationStreamOptions, CountResume } from './stream-options.ts';

export interface Start<Event extends object> {
  readonly following: FollowedConversation<Event>;
  readonly from: Position;
  /** Whether the reader has everything up to `from`, so that every event after it must follow. */
  readonly isResumed: boolean;
  /** Null: it begins live. */
  readonly replay: Replay | null;
  /** Why it does not begin at the reader's position; null: it does. */
  readonly expiry: ServiceError | null;
  /** Where the reader's events end, if those that follow cannot be replayed: a replay from here expires as well. */
  readonly lostAfter: Position | null;
}

/** The position after which the events of a conversation begin; `joined`: where the viewer joined it. Null: live. */
export type StartOf = (id: ConversationId, joined: Position | null) => Position | null;

/** The parts of a stream that its beginning needs. */
interface BeginningParts<Event extends object> {
  readonly options: ConversationStreamOptions<Event>;
  readonly rights: Rights;
  readonly followed: FollowedConversations<Event>;
  readonly replays: Replays<Event>;
  /** Null: the client named the conversations. */
  readonly own: OwnConversations | null;
  readonly countResume: CountResume;
}

/** Null: the conversation was deleted meanwhile. */
async function preparedOne<Event extends object>(
  start: Start<Event>,
  isForgiving: boolean,
  countResume: CountResume,
): Promise<Start<Event> | null> {
  const { following, replay } = start;
  try {
    const expiry = (await replay?.prepare(isForgiving)) ?? null;
    const refused = expiry ?? start.expiry;
    if (refused) countResume('expired', refused);
    else if (start.isResumed) countResume('resumed');
    if (!expiry) return start;
    const from = (await following.channel.readHead()) ?? following.channel.position;
    return { following, from, isResumed: false, replay: null, expiry, lostAfter: start.from };
  } catch (error) {
    const known = asServiceError(error);
    if (known.code === 'NOT_FOUND') return null;
    if (known.code === 'POSITION_EXPIRED') countResume('expired', known);
    throw error;
  }
}

/** The log heads at which streams without a position begin. A channel may still be behind them. */
async function readHeads<Event extends object>(
  { selection, after, reporter }: ConversationStreamOptions<Event>,
  joined: readonly FollowedConversation<Event>[],
): Promise<readonly (Position | null)[]> {
  if (!selection.message) return [];
  const resumes = (id: ConversationId): boolean => (reporter ? reporter.startOf(id, null) !== null : after.has(id));
  return Promise.all(
    joined.map(({ channel, beganAt }) => (resumes(channel.id) ? null : (beganAt ?? channel.readHead()))),
  );
}

/** The starts of the conversations that the viewer may see. The stream leaves the others. */
async function admitted<Event extends object>(
  { options, rights, followed, replays }: BeginningParts<Event>,
  joined: readonly FollowedConversation<Event>[],
  after: StartOf,
): Promise<Start<Event>[]> {
  // Checked after the channels have joined: the answer includes all earlier removals, and later ones are announced.
  const [memberships, heads] = await Promise.all([
    rights.memberships(joined.map(({ channel }) => channel.id)),
    readHeads(options, joined),
  ]);
  const { reporter } = options;
  const starts: Start<Event>[] = [];
  for (const [index, following] of joined.entries()) {
    const membership = memberships[index] ?? null;
    const { id } = following.channel;
    const access = membership || rights.seesAll ? accessTo(rights.viewer, id, membership) : null;
    if (!following.admit(access, membership)) {
      followed.leave(following);
      continue;
    }
    const joinedPosition = membership?.joinedPosition ?? null;
    const resumed = reporter ? reporter.startOf(id, joinedPosition) : after(id, joinedPosition);
    const { position } = following.channel;
    const from = resumed ?? heads[index] ?? position;
    // Without a change since, there is nothing to read.
    const replay = resumed && !isSame(resumed, position) ? replays.of(following, resumed) : null;
    const expiry = reporter?.expiryOf(id) ?? null;
    const lostAfter = expiry ? { epoch: from.epoch, place: 0 } : null;
    starts.push({ following, from, isResumed: resumed !== null, replay, expiry, lostAfter });
  }
  return starts;
}

/**
 * Finds the start of each joined conversation, and reads the first page of each replay. With `isForgiving` a conversation
 * whose position expired begins live. Conversations that the viewer may not see, or that were deleted meanwhile, are left.
 *
 * @throws {ServiceError} POSITION_EXPIRED; no replay buffers a page then.
 */
export async function beginnings<Event extends object>(
  stream: BeginningParts<Event>,
  joined: readonly FollowedConversation<Event>[],
  after: StartOf,
): Promise<Start<Event>[]> {
  const { options, followed, countResume } = stream;
  const starts = (await askInParts(joined, (part) => admitted(stream, part, after))).flat();
  const prepare = async (start: Start<Event>): Promise<Start<Event> | null> => {
    const beginning = await preparedOne(start, options.isForgiving ?? false, countResume);
    if (!beginning) followed.leave(start.following);
    return beginning;
  };
  const prepared = (await inParts(starts, (part) => Promise.allSettled(part.map(prepare)))).flat();
  const failed = prepared.find((each) => each.status === 'rejected');
  if (!failed) return prepared.flatMap((each) => (each.status === 'fulfilled' ? (each.value ?? []) : []));
  for (const { replay } of starts) replay?.close();
  throw failed.reason;
}

/** Lets one conversation go live, or replay first. Synchronous, so no event is lost or delivered twice (G06). */
export function goLive<Event extends object>(
  { options, followed, replays, own }: BeginningParts<Event>,
  start: Start<Event>,
): void {
  const { following, from, expiry } = start;
  const { reporter } = options;
  if (!followed.includes(following)) return start.replay?.close();
  options.onBegin?.(following.channel.id, from, expiry);
  // A hidden conversation stays here: once it is visible again, the replay expires, and the reporter reports that.
  following.begin((reporter && start.lostAfter) ?? from);
  own?.applyHidden(following);
  reporter?.onBegin(following, expiry);
  if (following.isHidden) return start.replay?.close();
  for (const typing of following.channel.typing.current()) following.onTyping(typing);
  // The channel has moved on since it was at the reader's position.
  const isBehind = start.isResumed && !isSame(from, following.channel.position);
  const replay = start.replay ?? (isBehind ? replays.of(following, from) : null);
  if (replay) replays.begin(following, replay);
  else following.goLive(from);
}
