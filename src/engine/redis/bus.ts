/** Announcements over sharded pub/sub, reference-counted by graphql-redis-subscriptions. */
import { RedisPubSub } from 'graphql-redis-subscriptions';
import type { Redis } from 'ioredis';
import { deadline } from '../../clock.ts';
import { unavailable } from '../../errors.ts';
import { TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { Bus, BusListener } from '../port.ts';
import { decodeAnnouncement } from './codec.ts';
import type { Keys } from './keys.ts';
import type { Marks } from './marks.ts';
import type { Subscriber } from './subscriber.ts';

/** `ignored` is called for each announcement of a kind that only a newer release knows. */
export function createRedisBus(subscriber: Subscriber, marks: Marks, keys: Keys, log: Log, ignored: () => void): Bus {
  const client = subscriber as unknown as Redis;
  const pubsub = new RedisPubSub({
    // Publishing happens inside the scripts that write; the library's own publisher is never used.
    publisher: client,
    subscriber: client,
    messageEventName: 'smessage',
  });
  const listeners = new Set<BusListener>();
  subscriber.on('interrupted', () => void marks.interrupt());

  return {
    async listen(channel, listener) {
      const name = keys.channel(channel);
      const { watched, forget } = marks.watch(name, channel, listener);
      const pending = pubsub.subscribe(name, (text: unknown) => {
        if (!listeners.has(listener)) return;
        const announcement = decodeAnnouncement(text);
        if (announcement === 'unknown') return ignored();
        if (announcement) return listener.onAnnouncement(marks.record(watched, announcement));
        log.error({ channel: channel.kind }, 'announcement dropped: unknown format');
        listener.onInterrupted();
      });
      listeners.add(listener);
      let isClosed = false;
      const close = async (): Promise<void> => {
        if (isClosed) return;
        isClosed = true;
        listeners.delete(listener);
        forget();
        // The library may unsubscribe only after its acknowledgement; otherwise it would keep a stale reference.
        void pending.then((id) => pubsub.unsubscribe(id));
      };
      if (!(await isInTime(pending))) {
        await close();
        throw unavailable();
      }
      void marks.readStored(watched);
      return {
        get heardAt() {
          return watched.heardAt;
        },
        close,
      };
    },
  };
}

/** Resolves to whether `work` ends in time. A separate function, so that a channel does not retain the variables of the wait. */
function isInTime(work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const cancel = deadline(TIMES.operationMs, () => resolve(false));
    const end = (): void => {
      cancel();
      resolve(true);
    };
    work.then(end, (error: unknown) => {
      cancel();
      reject(error as Error);
    });
  });
}
