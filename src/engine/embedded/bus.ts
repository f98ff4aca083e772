/** Announcements inside one process: nothing is ever lost, so nothing is ever interrupted. */
import type { Announcement, Bus, Channel, Listener } from '../port.ts';

export interface EmbeddedBus extends Bus {
  announce(channel: Channel, announcement: Announcement): void;
}

function channelKey(channel: Channel): string {
  return JSON.stringify([channel.kind, channel.tenant, channel.id]);
}

export function createEmbeddedBus(): EmbeddedBus {
  const listeners = new Map<string, Set<Listener>>();
  return {
    announce(channel, announcement) {
      for (const listener of listeners.get(channelKey(channel)) ?? []) listener.onAnnouncement(announcement);
    },
    async listen(channel, listener) {
      const key = channelKey(channel);
      const group = listeners.get(key) ?? new Set();
      listeners.set(key, group.add(listener));
      return {
        async close() {
          group.delete(listener);
          if (group.size === 0 && listeners.get(key) === group) listeners.delete(key);
        },
      };
    },
  };
}
