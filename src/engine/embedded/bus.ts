/** Announcements inside one process: nothing is ever lost, so nothing is ever interrupted. */
import type { Clock } from '../../clock.ts';
import type { Announcement, Bus, BusListener, Channel, CurrentTrace } from '../port.ts';

export interface EmbeddedBus extends Bus {
  announce(channel: Channel, announcement: Announcement): void;
  /** Returns a function that announces it later, as part of the present trace. */
  announceLater(channel: Channel, announcement: Announcement): () => void;
}

function channelKey(channel: Channel): string {
  return JSON.stringify([channel.kind, channel.tenant, channel.id]);
}

export function createEmbeddedBus(clock: Clock, currentTrace: CurrentTrace): EmbeddedBus {
  const listeners = new Map<string, Set<BusListener>>();

  function announceLater(channel: Channel, announcement: Announcement): () => void {
    const trace = currentTrace();
    const traced = trace === '' ? announcement : { ...announcement, trace };
    return () => {
      for (const listener of listeners.get(channelKey(channel)) ?? []) listener.onAnnouncement(traced);
    };
  }

  return {
    announceLater,
    announce: (channel, announcement) => announceLater(channel, announcement)(),
    async listen(channel, listener) {
      const key = channelKey(channel);
      const group = listeners.get(key) ?? new Set();
      listeners.set(key, group.add(listener));
      return {
        get heardAt() {
          return clock.elapsed();
        },
        async close() {
          group.delete(listener);
          if (group.size === 0 && listeners.get(key) === group) listeners.delete(key);
        },
      };
    },
  };
}
