/** Messages that are to be sent: kept until the service has them, in order in each conversation, each once. */
import { BackOff } from './back-off.ts';
import { isPassing, RequestError } from './errors.ts';
import { exclusively, newId } from './host.ts';
import type { Message, Storage, UnsentMessage } from './types.ts';

/** As it is kept in storage. */
interface Queued {
  readonly clientMessageId: string;
  readonly conversationId: string;
  readonly content: string;
  readonly payload: unknown;
  readonly replyToId: string | null;
  /** Milliseconds since 1970, later than that of each before it. */
  readonly at: number;
  /** When it was first tried: the service knows it again for a day. */
  readonly triedAt: number | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface OutboxOptions {
  readonly storage: Storage;
  /** Rejects as a request does. */
  readonly send: (input: object) => Promise<void>;
  readonly onChange: (conversationId: string) => void;
}

export interface SendOptions {
  readonly payload?: unknown;
  /** The id of the message that this one answers. */
  readonly replyTo?: string;
  /** Of the app's own; one that is in use already is taken for the same message. */
  readonly clientMessageId?: string;
}

/** A fault of the service is tried so often. */
const FAULTS = 5;
/** An hour before the service forgets a `clientMessageId`: later the same could come to be two messages. */
const KNOWN_FOR_MS = 23 * 3_600_000;
/** The service takes a frame of 128 KiB, and closes the connection on a longer one. */
const LARGEST_BYTES = 120 * 1_024;

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #queue = new Map<string, Queued>();
  #userId: string | null = null;
  #at = 0;
  #isLive = false;
  #draining: Promise<void> | null = null;
  readonly #pauses = new Set<() => void>();
  #nudge: () => void = () => undefined;
  /** In storage, as far as this tab knows: one that is no longer there was dealt with by another. */
  readonly #kept = new Set<string>();
  /** Written since storage was last read: what was read may be older. */
  readonly #written = new Set<string>();

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** How many are not sent yet, failed ones included. */
  get size(): number {
    return this.#queue.size;
  }

  /** In the order in which they were written. */
  of(conversationId: string): UnsentMessage[] {
    const own = [...this.#queue.values()].filter((queued) => queued.conversationId === conversationId);
    return own.sort(byTime).map((queued) => shownOf(queued, this.#userId ?? ''));
  }

  /** The owner of the messages. Messages written before the owner was known are theirs, after the stored ones. */
  async as(userId: string): Promise<void> {
    const kept = await this.#list(userId).catch(() => []);
    const early = [...this.#queue.values()].sort(byTime);
    for (const queued of kept) this.#take(queued);
    this.#userId = userId;
    const later = early.map((queued) => ({ ...queued, at: this.#next() }));
    for (const queued of later) this.#set(queued);
    for (const queued of later) await this.#keep(queued);
  }

  /** Nobody's any more on this page; in storage they stay. */
  leave(): void {
    this.#userId = null;
    for (const queued of [...this.#queue.values()]) this.#forget(queued);
  }

  /** Resolves once it is kept; what becomes of it is shown. */
  async add(conversationId: string, content: string, options: SendOptions): Promise<string> {
    const { payload = null, replyTo = null, clientMessageId = newId() } = options;
    const isTooLarge = bytesOf([content, payload]) > LARGEST_BYTES;
    const error = isTooLarge ? { code: 'PAYLOAD_TOO_LARGE', message: 'It is too long.' } : null;
    const queued = {
      clientMessageId,
      conversationId,
      content,
      payload,
      replyToId: replyTo,
      at: this.#next(),
      triedAt: null,
      error,
    };
    if (this.#queue.has(clientMessageId)) return clientMessageId;
    this.#set(queued);
    await this.#keep(queued);
    this.#kick();
    return clientMessageId;
  }

  /** Sends one again that failed. */
  async retry(clientMessageId: string): Promise<void> {
    const queued = this.#queue.get(clientMessageId);
    if (!queued?.error) return;
    await this.#update({ ...queued, error: null, triedAt: null });
    this.#kick();
  }

  /** Forgets one that failed, or was not sent yet. */
  discard(clientMessageId: string): Promise<void> {
    return this.#drop(clientMessageId);
  }

  /** The service has it, by an event or an answer. */
  sent({ clientMessageId }: Pick<Message, 'clientMessageId'>): void {
    if (clientMessageId !== null && this.#queue.has(clientMessageId)) void this.#drop(clientMessageId);
  }

  live(isLive: boolean): void {
    this.#isLive = isLive;
    // Messages that a closed tab left in storage are sent by this one.
    if (isLive && this.#userId !== null) void this.#sync().then(() => this.#kick());
    else if (!isLive) for (const end of [...this.#pauses]) end();
  }

  #kick(): void {
    this.#nudge();
    if (!this.#isLive || this.#userId === null || this.#draining) return;
    const hasWork = [...this.#queue.values()].some(({ error }) => error === null);
    if (!hasWork) return;
    this.#draining = this.#drain()
      .catch(() => undefined)
      .then(() => {
        this.#draining = null;
        this.#kick();
      });
  }

  /** While no other tab does: whoever comes next finds in storage what is left. */
  #drain(): Promise<void> {
    return exclusively(`realtime-outbox-${this.#userId}`, async () => {
      await this.#sync();
      const running = new Map<string, Promise<void>>();
      for (;;) {
        for (const { conversationId, error } of this.#queue.values()) {
          if (error !== null || running.has(conversationId) || !this.#isLive) continue;
          const sending = this.#sendAll(conversationId).finally(() => running.delete(conversationId));
          running.set(conversationId, sending);
        }
        if (running.size === 0) return;
        const nudged = new Promise<void>((resolve) => {
          this.#nudge = resolve;
        });
        await Promise.race([...running.values(), nudged]);
      }
    });
  }

  async #sendAll(conversationId: string): Promise<void> {
    const backOff = new BackOff();
    let faults = 0;
    while (this.#isLive) {
      const waiting = [...this.#queue.values()].filter(
        (queued) => queued.conversationId === conversationId && !queued.error,
      );
      const next = waiting.sort(byTime)[0];
      if (!next) return;
      const error = await this.#send(next);
      if (error === null) {
        backOff.reset();
        faults = 0;
        continue;
      }
      if (!this.#isLive) return;
      if (error instanceof RequestError && error.code === 'INTERNAL_SERVER_ERROR') faults += 1;
      if (!isPassing(error) || faults >= FAULTS) await this.#fail(next, error as RequestError);
      else await this.#pause(backOff.after(error));
    }
  }

  /** Null: it is sent, or nothing is to be done with it. */
  async #send(queued: Queued): Promise<unknown> {
    const { clientMessageId, conversationId, content, payload, replyToId } = queued;
    const triedAt = queued.triedAt ?? Date.now();
    if (Date.now() - triedAt > KNOWN_FOR_MS) {
      const message = 'It may have been sent already.';
      return new RequestError({ message, extensions: { code: 'CONFLICT' } });
    }
    if (queued.triedAt === null) await this.#update({ ...queued, triedAt });
    try {
      const input = { conversationId, content, payload, replyToId, clientMessageId };
      await this.#options.send(input);
      await this.#drop(clientMessageId);
      return null;
    } catch (error) {
      // It was told meanwhile, or the app wants it no more.
      return this.#queue.has(clientMessageId) ? error : null;
    }
  }

  async #fail(queued: Queued, { code, message }: RequestError): Promise<void> {
    await this.#update({ ...queued, error: { code, message } });
  }

  /** Messages that another tab has sent are gone from storage; those that a closed tab left are there. */
  async #sync(): Promise<void> {
    this.#written.clear();
    let kept: readonly Queued[];
    try {
      kept = await this.#list(this.#userId ?? '');
    } catch {
      return;
    }
    const ids = new Set(kept.map(({ clientMessageId }) => clientMessageId));
    for (const [id, queued] of this.#queue) {
      if (this.#kept.has(id) && !ids.has(id) && !this.#written.has(id)) this.#forget(queued);
    }
    for (const queued of kept) {
      if (!this.#written.has(queued.clientMessageId)) this.#take(queued);
    }
  }

  async #list(userId: string): Promise<readonly Queued[]> {
    return (await this.#options.storage.list(prefixOf(userId))).map(([, value]) => value as Queued);
  }

  /** One that was kept. */
  #take(queued: Queued): void {
    this.#kept.add(queued.clientMessageId);
    this.#at = Math.max(this.#at, queued.at);
    this.#set(queued);
  }

  /** A clock may stand still or go back: what is written later is later. */
  #next(): number {
    this.#at = Math.max(Date.now(), this.#at + 1);
    return this.#at;
  }

  #keyOf(clientMessageId: string): string {
    return `${prefixOf(this.#userId ?? '')}${clientMessageId}`;
  }

  /** One that storage does not take is sent all the same, while the page is there. */
  async #keep(queued: Queued): Promise<void> {
    this.#written.add(queued.clientMessageId);
    if (this.#userId === null) return;
    try {
      await this.#options.storage.set(this.#keyOf(queued.clientMessageId), queued);
      this.#kept.add(queued.clientMessageId);
    } catch {
      this.#kept.delete(queued.clientMessageId);
    }
  }

  async #update(queued: Queued): Promise<void> {
    if (!this.#queue.has(queued.clientMessageId)) return;
    this.#set(queued);
    await this.#keep(queued);
  }

  async #drop(clientMessageId: string): Promise<void> {
    const queued = this.#queue.get(clientMessageId);
    this.#written.add(clientMessageId);
    if (queued) this.#forget(queued);
    if (this.#userId === null) return;
    await this.#options.storage.delete(this.#keyOf(clientMessageId)).catch(() => undefined);
  }

  #set(queued: Queued): void {
    this.#queue.set(queued.clientMessageId, queued);
    this.#options.onChange(queued.conversationId);
  }

  #forget({ clientMessageId, conversationId }: Queued): void {
    this.#queue.delete(clientMessageId);
    this.#kept.delete(clientMessageId);
    this.#options.onChange(conversationId);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#pauses.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#pauses.add(end);
    });
  }
}

const prefixOf = (userId: string): string => `outbox/${userId}/`;
const byTime = (one: Queued, other: Queued): number => one.at - other.at;
const bytesOf = (value: unknown): number => new TextEncoder().encode(JSON.stringify(value)).length;

const shownOf = ({ replyToId, at, triedAt, ...queued }: Queued, senderId: string): UnsentMessage => ({
  ...queued,
  status: queued.error ? 'failed' : 'sending',
  key: queued.clientMessageId,
  id: null,
  sequence: null,
  senderId,
  replyTo: replyToId === null ? null : { id: replyToId },
  timestamp: new Date(at).toISOString(),
});
