/** Events that arrive while a client's own message is being sent, since only the answer identifies its echo. */

import { Gate } from '../../delivery/back-pressure.ts';
import type { Payload } from '../../delivery/rendered-stream.ts';
import { LIMITS } from '../../limits.ts';

export class EchoBuffer {
  readonly #most: number;
  readonly #deliveries: [Payload, object][] = [];
  #bytes = 0;
  readonly #gate = new Gate();

  /** Bounded by `most` bytes. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Whether half of the cap is used. A replay then waits, since live events need the rest. */
  get isFull(): boolean {
    return this.#bytes > this.#most / 2;
  }

  /** False: over the cap. */
  add(payload: Payload, event: object): boolean {
    this.#deliveries.push([payload, event]);
    this.#bytes += payload.length;
    return this.#bytes <= this.#most && this.#deliveries.length <= LIMITS.queuedEvents;
  }

  onRelease(resume: () => void): () => void {
    return this.#gate.add(resume);
  }

  /** Hands over all events, in order, to `deliver`. */
  release(deliver: (payload: Payload, event: object) => void): void {
    for (const [payload, event] of this.#deliveries.splice(0)) deliver(payload, event);
    this.#bytes = 0;
    this.#gate.open();
  }
}
