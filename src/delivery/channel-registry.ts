/** The open channels of this node. All listeners of a subject share one, which is closed after the last has left. */

export interface OpenedChannel {
  /** False: its subject does not exist. */
  open(): Promise<boolean>;
  close(): void;
}

interface Entry<Channel> {
  readonly channel: Channel;
  readonly opening: Promise<boolean>;
  users: number;
}

export class ChannelRegistry<Channel extends OpenedChannel> {
  readonly #entries = new Map<string, Entry<Channel>>();

  /** An open channel, which the caller releases once. Null when its subject does not exist. */
  async acquire(key: string, create: () => Channel): Promise<Channel | null> {
    const entry = this.#entries.get(key) ?? this.#begin(key, create());
    entry.users += 1;
    try {
      if (await entry.opening) return entry.channel;
    } catch (error) {
      this.#leave(key, entry);
      throw error;
    }
    this.#leave(key, entry);
    return null;
  }

  /** For a channel that was acquired and not released. */
  find(key: string): Channel | undefined {
    return this.#entries.get(key)?.channel;
  }

  release(key: string, channel: Channel): void {
    const entry = this.#entries.get(key);
    if (entry?.channel === channel) this.#leave(key, entry);
  }

  /** Forgets a channel that ended, so that the next caller opens another. */
  discard(key: string, channel: Channel): void {
    const entry = this.#entries.get(key);
    if (entry?.channel !== channel) return;
    this.#entries.delete(key);
    channel.close();
  }

  all(): Channel[] {
    return [...this.#entries.values()].map(({ channel }) => channel);
  }

  #begin(key: string, channel: Channel): Entry<Channel> {
    const entry = { channel, opening: channel.open(), users: 0 };
    this.#entries.set(key, entry);
    return entry;
  }

  #leave(key: string, entry: Entry<Channel>): void {
    entry.users -= 1;
    if (entry.users > 0) return;
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    entry.channel.close();
  }
}
