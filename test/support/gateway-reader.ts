/** A front end behind a gateway as the documents require: it subscribes again at its position when told to. */
import { setTimeout as wait } from 'node:timers/promises';
import { openStream, type RawStream } from './http-stream.ts';
import type { Data } from './service.ts';

const QUERY = `subscription ($ids: [ID!], $after: [ID!]) {
  messageReceived(conversationIds: $ids, after: $after) { sequence position }
}`;

export class GatewayReader {
  /** In the order they came. */
  readonly sequences: number[] = [];
  /** Each end as it was told; an end without a word is `silent`. */
  readonly ends: string[] = [];
  /** What it did not expect, and does not come back after. */
  fault: string | null = null;
  #after: string;
  #stream: RawStream | null = null;
  #isStopped = false;
  readonly #url: string;
  readonly #token: string;
  readonly #conversationId: string;
  readonly #done: Promise<void>;

  constructor(url: string, token: string, { id, position }: { readonly id: string; readonly position: string }) {
    this.#url = url;
    this.#token = token;
    this.#conversationId = id;
    this.#after = position;
    this.#done = this.#follow();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stream?.stop();
    await this.#done;
  }

  async #follow(): Promise<void> {
    while (!this.#isStopped && this.fault === null) {
      const errors = await this.#listen().catch((error: Error): Data[] => [{ message: error.message }]);
      if (this.#isStopped) return;
      const [{ message = '', extensions: { code = message, retryAfterMs = null } = {} } = {}] = errors;
      this.ends.push(errors.length > 0 ? code : 'silent');
      if (code === 'SERVICE_UNAVAILABLE') await wait(retryAfterMs ?? 0);
      else this.fault = JSON.stringify(errors);
    }
  }

  /** One stream to its end: the errors it was told. */
  async #listen(): Promise<Data[]> {
    const variables = { ids: [this.#conversationId], after: [this.#after] };
    const stream = await openStream({ url: this.#url }, this.#token, { query: QUERY, variables });
    this.#stream = stream;
    let read = 0;
    for (;;) {
      const isOver = stream.end !== null;
      const whole = stream.text.lastIndexOf('\n\n');
      for (const line of stream.text.slice(read, Math.max(whole, read)).split('\n')) {
        if (!line.startsWith('data: {')) continue;
        const { data, errors } = JSON.parse(line.slice('data: '.length));
        if (errors) return errors;
        this.#take(data.messageReceived);
      }
      read = Math.max(whole, read);
      if (isOver) return [];
      await wait(5);
    }
  }

  #take({ sequence, position }: Data): void {
    this.sequences.push(sequence);
    this.#after = position;
  }
}
