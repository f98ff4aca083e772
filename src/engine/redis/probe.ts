/**
 * Notices a connection that answers and yet is not given what is published:
 * half open, at a demoted master, behind a proxy that forwards one way.
 *
 * A probe goes out by the way all announcements take, and must come back before
 * the next one is due. One that Redis never took proves nothing about hearing.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../clock.ts';

const MARK = 'probe ';

export type Publish = (channel: string, text: string) => Promise<unknown>;

interface Sent {
  readonly at: number;
  isTaken: boolean;
}

export class Probe {
  readonly #publish: Publish;
  readonly #clock: Clock;
  readonly #onReturn: (milliseconds: number) => void;
  readonly #text = `${MARK}${randomUUID()}`;
  /** By channel: the probe that has not come back yet. */
  readonly #sent = new Map<string, Sent>();

  /** `onReturn` is told how long a probe was on its way: as long as an announcement of any node. */
  constructor(publish: Publish, clock: Clock, onReturn: (milliseconds: number) => void) {
    this.#publish = publish;
    this.#clock = clock;
    this.#onReturn = onReturn;
  }

  /** Whether a message is a probe, of this node or another; ours has come back then. */
  takes(channel: string, text: string): boolean {
    if (!text.startsWith(MARK)) return false;
    const sent = text === this.#text ? this.#sent.get(channel) : undefined;
    if (!sent) return true;
    this.#sent.delete(channel);
    this.#onReturn(this.#clock.elapsed() - sent.at);
    return true;
  }

  /** Forgets the probe of a channel that is not listened to any more; of all, after a break. */
  forget(channel?: string): void {
    if (channel === undefined) this.#sent.clear();
    else this.#sent.delete(channel);
  }

  /** Whether a probe was taken and never came back. */
  get isDeaf(): boolean {
    return [...this.#sent.values()].some(({ isTaken }) => isTaken);
  }

  send(channels: Iterable<string>): void {
    this.#sent.clear();
    for (const channel of channels) {
      const sent: Sent = { at: this.#clock.elapsed(), isTaken: false };
      this.#sent.set(channel, sent);
      this.#publish(channel, this.#text).then(
        () => {
          sent.isTaken = true;
        },
        () => this.#sent.delete(channel),
      );
    }
  }
}
