/** Unsent messages: stored until the service has them, and sent once each, in the order of their conversation. */
import { BackOff } from './back-off.ts';
import { isPassing, RequestError } from './errors.ts';
import { exclusively, newId } from './host.ts';
import { Pauses } from './pauses.ts';
import type { Message, Storage, UnsentMessage } from './types.ts';

/** The stored form. */
interface Queued {
  readonly clientMessageId: string;
  readonly conversationId: string;
  readonly content: string;
  readonly payload: unknown;
  readonly replyToId: string | null;
  /** Milliseconds since 1970, later than those of all earlier messages. */
  readonly at: number;
  /** When it was first sent: the service recognises a repeat for a day. */
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
  /** The id of the message that this one replies to. */
  readonly replyTo?: string;
  /** The app's own id; an id that was used already means the same message. */
  readonly clientMessageId?: string;
}

/** Attempts after internal errors of the service. */
const FAULTS = 5;
/** Sends of one turn: a tab that always has something to send would keep the other tabs waiting. */
const TURN = 100;
/** An hour less than the service remembers a `clientMessageId`: a later repeat could become a second message. */
const KNOWN_FOR_MS = 23 * 3_600_000;
/** The service accepts frames up to 128 KiB, and closes the connection on a longer one. */
const LARGEST_BYTES = 120 * 1_024;

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #queue = new Map<string, Queued>();
  #userId: string | null = null;
  #at = 0;
  #isLive = false;
  #draining: Promise<void> | null = null;
  readonly #pauses = new Pauses();
  #nudge: () => void = () => undefined;
  /** Messages that this tab has seen in storage: one that is gone was handled by another tab. */
  readonly #kept = new Set<string>();
  /** Written since the last read of storage, which may therefore be older. */
  readonly #written = new Set<string>();

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** The number of unsent messages, including failed ones. */
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
    const kept = (await this.#list(userId)) ?? [];
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

  /** Resolves once the message is stored; its later state is shown. */
  async add(conversationId: string, content: string, options: SendOptions): Promise<string> {
    const { payload = null, replyTo = null, clientMessageId = newId() } = options;
    const isTooLarge = bytesOf([content, payload]) > LARGEST_BYTES;
    const error = isTooLarge ? { code: 'PAYLOAD_TOO_LARGE', message: 'Too long.' } : null;
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

  /** Sends a failed message again. */
  async retry(clientMessageId: string): Promise<void> {
    const queued = this.#queue.get(clientMessageId);
    if (!queued?.error) return;
    await this.#update({ ...queued, error: null, triedAt: null });
    this.#kick();
  }

  /** Drops a failed or unsent message. */
  async discard(clientMessageId: string): Promise<void> {
    const queued = this.#queue.get(clientMessageId);
    this.#written.add(clientMessageId);
    if (queued) this.#forget(queued);
    if (this.#userId === null) return;
    await this.#options.storage.delete(this.#keyOf(clientMessageId)).catch(() => undefined);
  }

  /** An event or answer shows that the service has the message. */
  sent({ clientMessageId }: Pick<Message, 'clientMessageId'>): void {
    if (clientMessageId !== null && this.#queue.has(clientMessageId)) void this.discard(clientMessageId);
  }

  live(isLive: boolean): void {
    this.#isLive = isLive;
    // Messages that a closed tab left in storage are sent by this one.
    if (isLive) this.#kick(true);
    else this.#pauses.end();
  }

  #kick(mayBeKept = false): void {
    this.#nudge();
    if (!this.#isLive || this.#userId === null || this.#draining) return;
    const hasWork = mayBeKept || [...this.#queue.values()].some(({ error }) => error === null);
    if (!hasWork) return;
    this.#draining = this.#drain()
      .catch(() => undefined)
      .then(() => {
        this.#draining = null;
        this.#kick();
      });
  }

  /** One turn. Only one tab sends at a time; the next one finds the rest in storage. */
  #drain(): Promise<void> {
    return exclusively(`realtime-outbox-${this.#userId}`, async () => {
      await this.#sync();
      const running = new Map<string, Promise<void>>();
      let left = TURN;
      const goesOn = (): boolean => this.#isLive && left-- > 0;
      for (;;) {
        for (const { conversationId, error } of this.#queue.values()) {
          if (error !== null || running.has(conversationId) || !this.#isLive || left <= 0) continue;
          const sending = this.#sendAll(conversationId, goesOn).finally(() => running.delete(conversationId));
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

  /** `goesOn`: asked before each attempt. */
  async #sendAll(conversationId: string, goesOn: () => boolean): Promise<void> {
    const backOff = new BackOff();
    let faults = 0;
    while (goesOn()) {
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
      if (!isPassing(error) || faults >= FAULTS) await this.#update({ ...next, error: faultOf(error as RequestError) });
      else await this.#pauses.of(backOff.after(error));
    }
  }

  /** Null: it was sent, or no action is left. */
  async #send(queued: Queued): Promise<unknown> {
    const { clientMessageId, conversationId, content, payload, replyToId } = queued;
    const triedAt = queued.triedAt ?? Date.now();
    if (Date.now() - triedAt > KNOWN_FOR_MS) {
      const message = 'It may have been sent.';
      return new RequestError({ message, extensions: { code: 'CONFLICT' } });
    }
    if (queued.triedAt === null) await this.#update({ ...queued, triedAt });
    try {
      const input = { conversationId, content, payload, replyToId, clientMessageId };
      await this.#options.send(input);
      await this.discard(clientMessageId);
      return null;
    } catch (error) {
      // Null if an event confirmed it meanwhile, or the app discarded it.
      return this.#queue.has(clientMessageId) ? error : null;
    }
  }

  /** Drops messages that another tab has sent, and takes those of closed tabs. */
  async #sync(): Promise<void> {
    this.#written.clear();
    const kept = await this.#list(this.#userId ?? '');
    if (!kept) return;
    const ids = new Set(kept.map(({ clientMessageId }) => clientMessageId));
    for (const [id, queued] of this.#queue) {
      if (this.#kept.has(id) && !ids.has(id) && !this.#written.has(id)) this.#forget(queued);
    }
    for (const queued of kept) {
      if (!this.#written.has(queued.clientMessageId)) this.#take(queued);
    }
  }

  /** Undefined: storage failed. */
  async #list(userId: string): Promise<readonly Queued[] | undefined> {
    const kept = await this.#options.storage.list(prefixOf(userId)).catch(() => undefined);
    return kept?.map(([, value]) => value as Queued);
  }

  /** Takes a stored message. */
  #take(queued: Queued): void {
    this.#kept.add(queued.clientMessageId);
    this.#at = Math.max(this.#at, queued.at);
    this.#set(queued);
  }

  /** Always increases, also when the clock stands still or goes back. */
  #next(): number {
    this.#at = Math.max(Date.now(), this.#at + 1);
    return this.#at;
  }

  #keyOf(clientMessageId: string): string {
    return `${prefixOf(this.#userId ?? '')}${clientMessageId}`;
  }

  /** If storage fails the message is sent all the same, while the page is open. */
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

  #set(queued: Queued): void {
    this.#queue.set(queued.clientMessageId, queued);
    this.#options.onChange(queued.conversationId);
  }

  #forget({ clientMessageId, conversationId }: Queued): void {
    this.#queue.delete(clientMessageId);
    this.#kept.delete(clientMessageId);
    this.#options.onChange(conversationId);
  }
}

const faultOf = ({ code, message }: RequestError): Queued['error'] => ({ code, message });
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
