/** A stream over several channels, whose listeners are told everything their channel is. */
import type { Bearer } from '../access/bearer.ts';
import type { Viewer } from '../model.ts';
import type { ChannelRegistry, OpenedChannel } from './channel-registry.ts';
import { asServiceError } from './conversations/replay.ts';
import { EventQueue } from './event-queue.ts';
import type { Followed } from './followed.ts';
import { type Doubts, userKey } from './sessions/doubts.ts';
import type { LiveStream, Sink } from './stream.ts';

/** Whom a channel tells. Calls are synchronous and must not throw. What it missed is told as it has room. */
export type Listener<Event> = Pick<Sink<Event>, 'push' | 'end' | 'isCongested' | 'onRoom'>;

/** Lets a listener in, which is told what happens from then on. */
export type Admission<Event> = (listener: Listener<Event>) => void;

export interface TellingChannel<Event> extends OpenedChannel {
  remove(listener: Listener<Event>): void;
}

export interface Joining<Channel, Event> {
  readonly key: string;
  readonly create: () => Channel;
  readonly admit: (channel: Channel) => Promise<Admission<Event>>;
}

export interface Guard {
  readonly bearer: Bearer;
  readonly doubts: Doubts;
  readonly followed: Followed;
  /**
   * Whether the bearer's token may open the stream: asked anew for each token that takes the place of another.
   *
   * @throws {ServiceError} FORBIDDEN.
   */
  authorise?(viewer: Viewer): unknown;
}

/**
 * Resolves when all have been joined: nothing they tell from then on is missed. Repeats count once.
 *
 * @throws {ServiceError} BAD_USER_INPUT when the user's streams would follow too much.
 */
export async function openJointStream<Event extends object, Channel extends TellingChannel<Event>>(
  registry: ChannelRegistry<Channel>,
  joinings: readonly Joining<Channel, Event>[],
  { bearer, doubts, followed, authorise }: Guard,
): Promise<LiveStream<Event>> {
  const distinct = new Map(joinings.map((joining) => [joining.key, joining]));
  const joined = new Map<string, Channel>();
  const user = userKey(bearer.viewer);
  const share = followed.enter(user);
  share.claim(distinct.size);
  let isOpen = true;
  const stopGuarding = bearer.onRenewed(() => {
    try {
      authorise?.(bearer.viewer);
    } catch (error) {
      queue.end(asServiceError(error));
    }
  });
  const queue = new EventQueue<Event>(new Set(distinct.keys()), () => {
    isOpen = false;
    stopGuarding();
    leaveDoubts();
    share.resize(0);
    for (const [key, channel] of joined) {
      channel.remove(queue);
      registry.release(key, channel);
    }
    joined.clear();
  });
  const leaveDoubts = doubts.enter(user, queue);
  let admissions: readonly Admission<Event>[];
  try {
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
