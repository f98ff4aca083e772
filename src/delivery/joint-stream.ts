/** A stream over several channels that passes on everything. */
import type { Bearer } from '../access/bearer.ts';
import type { Viewer } from '../model.ts';
import type { ChannelRegistry, OpenedChannel } from './channel-registry.ts';
import { asServiceError } from './conversations/replay.ts';
import { EventQueue, HELD_FOR } from './event-queue.ts';
import type { Followed } from './followed.ts';
import type { Rechecks } from './rechecks.ts';
import { type Doubts, userKey } from './sessions/doubts.ts';
import type { LiveStream, Sink } from './stream.ts';

/** A listener of a channel. Calls are synchronous and must not throw. Missed events come as it has room. */
export type Listener<Event> = Pick<Sink<Event>, 'push' | 'end' | 'isCongested' | 'onRoom'>;

/** Adds a listener, which gets everything from then on. */
export type Admission<Event> = (listener: Listener<Event>) => void;

export interface TellingChannel<Event> extends OpenedChannel {
  remove(listener: Listener<Event>): void;
}

export interface Joining<Channel, Event> {
  readonly key: string;
  readonly create: () => Channel;
  readonly admit: (channel: Channel) => Promise<Admission<Event>>;
}

/** A right that a token grants, and that may end during the stream. */
export interface Right {
  /** False: whether this token grants it is not known now. @throws {ServiceError} FORBIDDEN: it does not. */
  check(viewer: Viewer): boolean;
  /** Whether it is known now. */
  isKnown(): boolean;
  /** Calls back when it may have ended, and once that is known; the returned function stops that. */
  watch(onChange: () => void): () => void;
}

export interface Guard {
  readonly bearer: Bearer;
  readonly doubts: Doubts;
  readonly followed: Followed;
  /** Without it the stream ends. Checked for each new token, and whenever it may have ended. */
  readonly right?: { readonly of: Right; readonly rechecks: Rechecks };
}

/**
 * Resolves when all have been joined: nothing is missed from then on. Repeats count once.
 *
 * @throws {ServiceError} BAD_USER_INPUT when the user's streams would follow too much.
 */
export async function openJointStream<Event extends object, Channel extends TellingChannel<Event>>(
  registry: ChannelRegistry<Channel>,
  joinings: readonly Joining<Channel, Event>[],
  { bearer, doubts, followed, right }: Guard,
): Promise<LiveStream<Event>> {
  const distinct = new Map(joinings.map((joining) => [joining.key, joining]));
  const joined = new Map<string, Channel>();
  const user = userKey(bearer.viewer);
  const share = followed.enter(user);
  share.claim(distinct.size);
  let isOpen = true;
  const recheck = (): void => {
    try {
      // Events from after a withdrawal that nobody heard of do not pass before it is known.
      if (isOpen && right?.of.check(bearer.viewer)) queue.release(HELD_FOR.right);
    } catch (error) {
      queue.end(asServiceError(error));
    }
  };
  const renewal = { onRenewed: recheck };
  if (right) bearer.listen(renewal);
  const stopWatching = right?.of.watch(() => {
    if (right.of.isKnown()) right.rechecks.add(recheck);
    else queue.hold(HELD_FOR.right);
  });
  const onQueueEnd = (): void => {
    isOpen = false;
    bearer.unlisten(renewal);
    stopWatching?.();
    doubts.leave(user, queue);
    share.resize(0);
    for (const [key, channel] of joined) {
      channel.remove(queue);
      registry.release(key, channel);
    }
    joined.clear();
  };
  const queue = new EventQueue<Event>({ onQueueEnd });
  doubts.enter(user, queue);
  let admissions: readonly Admission<Event>[];
  try {
    // It may have ended before it was watched.
    if (right?.of.check(bearer.viewer) === false) queue.hold(HELD_FOR.right);
    await Promise.all(
      [...distinct.values()].map(async ({ key, create }) => {
        const channel = await registry.acquire(key, create);
        if (channel && isOpen) joined.set(key, channel);
        else if (channel) registry.release(key, channel);
      }),
    );
    const admitted = [...joined].map(([key, channel]) => distinct.get(key)?.admit(channel));
    admissions = (await Promise.all(admitted)).flatMap((admission) => admission ?? []);
  } catch (error) {
    queue.end(null);
    throw error;
  }
  if (isOpen) for (const admit of admissions) admit(queue);
  return queue;
}
