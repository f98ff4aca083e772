/**
 * Detects a connection that answers commands and receives no publications: half open, at a demoted primary, or behind a
 * proxy that forwards one way only.
 *
 * A probe takes the path of all announcements, and must return before the next one is due. A probe that Redis never
 * accepted proves nothing.
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
  /** By channel: the probe that has not returned yet. */
  readonly #sent = new Map<string, Sent>();

  /** `onReturn` gets the travel time of a probe, which is that of any node's announcement. */
  constructor(publish: Publish, clock: Clock, onReturn: (milliseconds: number) => void) {
    this.#publish = publish;
    this.#clock = clock;
    this.#onReturn = onReturn;
  }

  /** Whether a message is a probe, of this node or another. One of this node has returned then. */
  takes(channel: string, text: string): boolean {
    if (!text.startsWith(MARK)) return false;
    const sent = text === this.#text ? this.#sent.get(channel) : undefined;
    if (!sent) return true;
    this.#sent.delete(channel);
    this.#onReturn(this.#clock.elapsed() - sent.at);
    return true;
  }

  /** Drops the probe of a channel that was left; without a channel all probes, after an interruption. */
  forget(channel?: string): void {
    if (channel === undefined) this.#sent.clear();
    else this.#sent.delete(channel);
  }

  /** Whether a probe was accepted and did not return. */
  get isOverdue(): boolean {
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
