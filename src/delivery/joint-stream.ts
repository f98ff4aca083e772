/** A stream over several channels that passes on everything. */
import type { Bearer } from '../access/bearer.ts';
import type { Viewer } from '../model.ts';
import type { ChannelRegistry, OpenedChannel } from './channel-registry.ts';
import { asServiceError } from './conversations/replay.ts';
import { EventQueue, PAUSED_FOR } from './event-queue.ts';
import type { FollowCounts } from './follow-counts.ts';
import type { Rechecks } from './rechecks.ts';
import { type Doubts, userKey } from './sessions/doubts.ts';
import type { LiveStream, Sink } from './stream.ts';

/** A listener of a channel. Calls are synchronous and must not throw. Missed events are delivered when it has room. */
export type Listener<Event> = Pick<Sink<Event>, 'push' | 'end' | 'isCongested' | 'onRoom'>;

/** Adds a listener, which gets every event from then on. */
export type AddListener<Event> = (listener: Listener<Event>) => void;

export interface ListenedChannel<Event> extends OpenedChannel {
  remove(listener: Listener<Event>): void;
}

export interface Joining<Channel, Event> {
  readonly key: string;
  readonly create: () => Channel;
  /** Checks and reads what a new listener of the channel needs. */
  readonly prepare: (channel: Channel) => Promise<AddListener<Event>>;
}

/** A right that a token grants. It may end during the stream. */
export interface Right {
  /** False: it is not known now whether this token grants the right. @throws {ServiceError} FORBIDDEN: it does not. */
  check(viewer: Viewer): boolean;
  /** Whether `check` can decide now. */
  isKnown(): boolean;
  /** Calls back when the right may have ended, and when that is decided. The returned function stops that. */
  watch(onChange: () => void): () => void;
}

export interface Guard {
  readonly bearer: Bearer;
  readonly doubts: Doubts;
  readonly followCounts: FollowCounts;
  /** The stream ends without this right. It is checked for each new token, and whenever it may have ended. */
  readonly right?: { readonly of: Right; readonly rechecks: Rechecks };
}

/**
 * Resolves when all have been joined: nothing is missed from then on. Repeats count once.
 *
 * @throws {ServiceError} BAD_USER_INPUT when the user's streams would follow too much.
 */
export async function openJointStream<Event extends object, Channel extends ListenedChannel<Event>>(
  registry: ChannelRegistry<Channel>,
  joinings: readonly Joining<Channel, Event>[],
  { bearer, doubts, followCounts, right }: Guard,
): Promise<LiveStream<Event>> {
  const distinct = new Map(joinings.map((joining) => [joining.key, joining]));
  const joined = new Map<string, Channel>();
  const user = userKey(bearer.viewer);
  const followCount = followCounts.open(user);
  followCount.claim(distinct.size);
  let isOpen = true;
  const recheck = (): void => {
    try {
      // The right may have been withdrawn unnoticed, so the stream is paused until that is decided.
      if (isOpen && right?.of.check(bearer.viewer)) queue.resume(PAUSED_FOR.right);
    } catch (error) {
      queue.end(asServiceError(error));
    }
  };
  const renewal = { onRenewed: recheck };
  if (right) bearer.listen(renewal);
  const stopWatching = right?.of.watch(() => {
    if (right.of.isKnown()) right.rechecks.add(recheck);
    else queue.pause(PAUSED_FOR.right);
  });
  const onQueueEnd = (): void => {
    isOpen = false;
    bearer.unlisten(renewal);
    stopWatching?.();
    doubts.remove(user, queue);
    followCount.resize(0);
    for (const [key, channel] of joined) {
      channel.remove(queue);
      registry.release(key, channel);
    }
    joined.clear();
  };
  const queue = new EventQueue<Event>({ onQueueEnd });
  doubts.add(user, queue);
  let additions: readonly AddListener<Event>[];
  try {
    // The right may have ended before it was watched.
    if (right?.of.check(bearer.viewer) === false) queue.pause(PAUSED_FOR.right);
    await Promise.all(
      [...distinct.values()].map(async ({ key, create }) => {
        const channel = await registry.acquire(key, create);
        if (channel && isOpen) joined.set(key, channel);
        else if (channel) registry.release(key, channel);
      }),
    );
    const prepared = [...joined].map(([key, channel]) => distinct.get(key)?.prepare(channel));
    additions = (await Promise.all(prepared)).flatMap((addListener) => addListener ?? []);
  } catch (error) {
    queue.end(null);
    throw error;
  }
  if (isOpen) for (const addListener of additions) addListener(queue);
  return queue;
}
