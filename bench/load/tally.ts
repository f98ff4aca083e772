/** Counts arriving messages, and checks that each one came once and in order. */
import type { Latency, Progress } from '../protocol.ts';

const LATENCIES = 4_000_000;
const UNHEARD = -1;

export class Tally {
  /** The last sequence of each subscriber in each conversation; 0 once a probe has arrived. */
  readonly #last: Int32Array;
  readonly #conversations: number;
  readonly #latencies = new Uint32Array(LATENCIES);
  #latencyCount = 0;
  #ready = 0;
  #received = 0;
  #frames = 0;
  #bytes = 0;
  #lastAt = 0;
  #faults = 0;
  #firstFault: string | null = null;

  constructor(subscribers: number, conversations: number) {
    this.#conversations = conversations;
    this.#last = new Int32Array(subscribers * conversations).fill(UNHEARD);
  }

  /** Sequence 0 is a probe: it shows that the subscriber is subscribed, and may come again. */
  record(subscriber: number, conversation: number, sequence: number, sentAt: number, now: number): void {
    const pair = subscriber * this.#conversations + conversation;
    const last = this.#last[pair] as number;
    if (sequence === 0) {
      if (last !== UNHEARD) return;
      this.#last[pair] = 0;
      this.#ready += 1;
      return;
    }
    if (sequence !== last + 1) this.fault(`message ${sequence} came after ${last}`);
    this.#last[pair] = sequence;
    this.#received += 1;
    this.#lastAt = now;
    if (this.#latencyCount < LATENCIES) this.#latencies[this.#latencyCount++] = Math.max(0, now - sentAt);
  }

  /** Counts a frame that contains messages. */
  frame(bytes: number): void {
    this.#frames += 1;
    this.#bytes += bytes;
  }

  fault(what: string): void {
    this.#faults += 1;
    this.#firstFault ??= what.slice(0, 200);
  }

  progress(): Progress {
    return {
      ready: this.#ready,
      received: this.#received,
      frames: this.#frames,
      bytes: this.#bytes,
      lastAt: this.#lastAt,
      faults: this.#faults,
      firstFault: this.#firstFault,
    };
  }

  sample(): Latency {
    const sorted = this.#latencies.subarray(0, this.#latencyCount).sort();
    const at = (share: number): number => (sorted[Math.floor(sorted.length * share)] ?? 0) / 1_000;
    const latency = { p50: at(0.5), p99: at(0.99) };
    this.#latencyCount = 0;
    return latency;
  }
}
