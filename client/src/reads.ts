/** Sends the caller's read positions to the service: for each conversation only the latest. */
import { MARK_READ } from './documents.ts';
import { isPassing, type RequestError } from './errors.ts';
import type { Request } from './pages.ts';
import { Soon } from './pauses.ts';

/**
 * A scrolling reader passes many messages per second; the service accepts 5 read positions per second and connection.
 */
const GATHER_MS = 400;

export class Reads {
  readonly #request: Request;
  readonly #waiting = new Map<string, number>();
  readonly #soon = new Soon(() => {
    for (const [id, sequence] of this.#waiting) void this.#send(id, sequence);
  });
  #isLive = false;

  constructor(request: Request) {
    this.#request = request;
  }

  add(conversationId: string, sequence: number): void {
    this.#waiting.set(conversationId, Math.max(sequence, this.#waiting.get(conversationId) ?? 0));
    this.#plan(GATHER_MS);
  }

  live(isLive: boolean): void {
    this.#isLive = isLive;
    if (isLive) this.#plan(0);
    else this.#soon.cancel();
  }

  clear(): void {
    this.#waiting.clear();
    this.#soon.cancel();
  }

  #plan(ms: number): void {
    if (!this.#isLive || this.#waiting.size === 0) return;
    this.#soon.plan(ms);
  }

  async #send(id: string, sequence: number): Promise<void> {
    try {
      await this.#request(MARK_READ, { id, sequence });
    } catch (error) {
      if (isPassing(error)) return this.#plan((error as Partial<RequestError>).retryAfterMs ?? GATHER_MS);
    }
    if (this.#waiting.get(id) === sequence) this.#waiting.delete(id);
  }
}
