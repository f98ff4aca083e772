/** A client of the inbox as the documents require: it resumes at its position, and restarts when told to. */
import type { Data } from '../support/service.ts';
import { INBOX, Shown, type Stored } from './shown.ts';
import type { Way } from './ways.ts';

/** What a client asks the service for. */
export interface Questions {
  /** The ids of all entries of the user's list. */
  list(): Promise<readonly string[]>;
  /** Null where the user may not see it. */
  conversation(id: string): Promise<Stored | null>;
}

export class InboxReader {
  readonly shown: Shown;
  readonly #way: Way;
  readonly #questions: Questions;
  #stop: (() => void) | null = null;
  #isLive = false;
  /** Events of a stream that began from nothing wait until the list was read. */
  #waiting: Data[] | null = null;

  constructor(way: Way, questions: Questions) {
    this.#way = way;
    this.#questions = questions;
    this.shown = new Shown(way.isRepeatable);
  }

  get isConnected(): boolean {
    return this.#stop !== null;
  }

  get isLive(): boolean {
    return this.#isLive && this.#waiting === null;
  }

  connect(url: string, token: string): void {
    if (this.#stop) return;
    const { checkpoint, since } = this.shown;
    this.#waiting = checkpoint === null ? [] : null;
    const stop = this.#way.open({
      url,
      token,
      query: INBOX,
      checkpoint,
      since: [...since.values()],
      onEvent: (event) => {
        if (this.#stop === stop) this.#hear(event);
      },
      onEnd: (errors) => {
        if (this.#stop === stop) this.#end(errors);
      },
    });
    this.#stop = stop;
  }

  leave(): void {
    const stop = this.#stop;
    this.#stop = null;
    this.#isLive = false;
    this.#waiting = null;
    stop?.();
  }

  /** Reads what it was told to. */
  async read(): Promise<void> {
    const { shown } = this;
    if (this.#waiting && this.#isLive) {
      shown.forget();
      for (const id of await this.#questions.list()) shown.show(id, null);
      for (const id of shown.conversations.keys()) shown.toRead.add(id);
      const waiting = this.#waiting;
      await this.#readThose();
      // Left meanwhile: it will begin anew.
      if (this.#waiting !== waiting) return shown.forget();
      this.#waiting = null;
      for (const event of waiting) shown.takeEarlier(event);
      return;
    }
    await this.#readThose();
  }

  async #readThose(): Promise<void> {
    for (const id of [...this.shown.toRead]) {
      this.shown.toRead.delete(id);
      const stored = await this.#questions.conversation(id);
      if (stored) this.shown.takeStored(stored);
    }
  }

  #hear(event: Data): void {
    if (event.__typename === 'Checkpoint' && event.isLive) this.#isLive = true;
    this.shown.hear(event);
    if (this.#waiting) this.#waiting.push(event);
    else this.shown.take(event);
  }

  #end(errors: readonly Data[]): void {
    this.leave();
    const code = errors[0]?.extensions?.code;
    if (code === 'POSITION_EXPIRED') this.shown.forget();
    else if (code !== undefined && code !== 'SERVICE_UNAVAILABLE')
      this.shown.breaches.push(`ended with ${JSON.stringify(errors)}`);
  }
}
