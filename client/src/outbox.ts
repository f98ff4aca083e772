/** Unsent messages: stored until the service has them, and sent once each, in the order of their conversation. */
import { BackOff } from './back-off.ts';
import { faultOf, isPassing, RequestError, refusal } from './errors.ts';
import { exclusively, newId } from './host.ts';
import { Pauses, Soon } from './pauses.ts';
import type { Fault, Message, Storage, UnsentMessage } from './types.ts';

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
  readonly error: Fault | null;
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
/** After this time a tab looks in storage for messages that a closed tab has left. */
const LOOK_AGAIN_MS = 30_000;
/** An hour less than the service remembers a `clientMessageId`: a later repeat could become a second message. */
const KNOWN_FOR_MS = 82_800_000;
/** The service accepts frames up to 128 KiB, and closes the connection on a longer one. */
const LARGEST_BYTES = 120 * 1_024;

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #queue = new Map<string, Queued>();
  /** Undefined: not known yet. Null: signed out. */
  #userId: string | null | undefined;
  #at = 0;
  #isLive = false;
  #isDraining = false;
  readonly #pauses = new Pauses();
  readonly #soon = new Soon(() => this.#kick());
  #nudge: () => void = () => undefined;
  /** Messages that this tab has seen in storage: one that is gone was handled by another tab. */
  readonly #kept = new Set<string>();
  /** Why a message waits, if the service asked for that. */
  readonly #waits = new Map<string, Fault>();
  /** Written since the last read of storage, which may therefore be older. */
  readonly #written = new Set<string>();

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Of one conversation or of all, in the order in which they were written. */
  of(conversationId?: string): UnsentMessage[] {
    return this.#all(conversationId).map(({ replyToId, at, triedAt, ...queued }) => ({
      ...queued,
      status: queued.error ? 'failed' : 'sending',
      key: queued.clientMessageId,
      id: null,
      sequence: null,
      senderId: this.#userId ?? '',
      replyTo: replyToId === null ? null : { id: replyToId },
      timestamp: new Date(at).toISOString(),
      error: queued.error ?? this.#waits.get(queued.clientMessageId) ?? null,
    }));
  }

  /** The owner of the messages. Messages written before the owner was known are theirs, after the stored ones. */
  async as(userId: string): Promise<void> {
    this.#userId = userId;
    const kept = await this.#list();
    // Signed out meanwhile.
    if (this.#userId !== userId) return;
    const early = this.#all();
    for (const queued of kept ?? []) this.#take(queued);
    await Promise.all(early.map((queued) => this.#update({ ...queued, at: this.#next() })));
  }

  /** Nobody's any more on this page; in storage they stay. */
  leave(): void {
    this.#userId = null;
    for (const queued of this.#queue.values()) this.#forget(queued);
  }

  /** Resolves once the message is stored; its later state is shown. */
  async add(conversationId: string, content: string, options: SendOptions): Promise<string> {
    // It would become a message of the next user.
    if (this.#userId === null) throw refusal('UNAUTHENTICATED', 'Signed out.');
    const { payload = null, replyTo = null, clientMessageId = newId() } = options;
    const isTooLarge = bytesOf([content, payload]) > LARGEST_BYTES;
    const error = isTooLarge ? faultOf(refusal('PAYLOAD_TOO_LARGE', 'Too long.')) : null;
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
    if (!this.#userId) return;
    await this.#options.storage.delete(this.#keyOf(clientMessageId)).catch(() => undefined);
  }

  /** The service has the message, perhaps one of a closed tab, which did not hear of it. */
  sent({ clientMessageId }: Pick<Message, 'clientMessageId'>): void {
    if (clientMessageId) void this.discard(clientMessageId);
  }

  live(isLive: boolean): void {
    this.#isLive = isLive;
    this.#kick();
    if (isLive) return;
    this.#pauses.end();
    this.#soon.cancel();
  }

  /** Also sends messages that a closed tab left in storage, and looks for more of them later. */
  #kick(): void {
    this.#nudge();
    if (!this.#isLive || !this.#userId) return;
    this.#soon.plan(LOOK_AGAIN_MS);
    if (this.#isDraining) return;
    this.#isDraining = true;
    const next = (): void => {
      this.#isDraining = false;
      if (this.#all().some(({ error }) => !error)) this.#kick();
    };
    this.#drain().then(next, next);
  }

  /** One turn. Only one tab sends at a time; the next one finds the rest in storage. */
  #drain(): Promise<void> {
    const owner = this.#userId;
    return exclusively(`outbox-${owner}`, async () => {
      if (owner !== this.#userId) return;
      await this.#sync();
      const running = new Map<string, Promise<void>>();
      let left = TURN;
      const takeAttempt = (): boolean => this.#isLive && left-- > 0;
      for (;;) {
        for (const { conversationId, error } of this.#queue.values()) {
          if (error !== null || running.has(conversationId) || !this.#isLive || left <= 0) continue;
          const sending = this.#sendAll(conversationId, takeAttempt).finally(() => running.delete(conversationId));
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

  /** `takeAttempt`: takes one of the attempts that are left; false: none is. */
  async #sendAll(conversationId: string, takeAttempt: () => boolean): Promise<void> {
    const backOff = new BackOff();
    let faults = 0;
    while (takeAttempt()) {
      const next = this.#all(conversationId).find((queued) => !queued.error);
      if (!next) return;
      const error = await this.#send(next);
      if (error === null) {
        backOff.reset();
        faults = 0;
        continue;
      }
      if (!this.#isLive) return;
      if ((error as Partial<RequestError>).code === 'INTERNAL_SERVER_ERROR') faults += 1;
      if (!isPassing(error) || faults >= FAULTS) await this.#update({ ...next, error: faultOf(error as RequestError) });
      else await this.#wait(next, error, backOff.after(error));
    }
  }

  async #wait({ clientMessageId, conversationId }: Queued, error: unknown, ms: number): Promise<void> {
    if (error instanceof RequestError) this.#waits.set(clientMessageId, faultOf(error));
    this.#options.onChange(conversationId);
    await this.#pauses.of(ms);
    this.#waits.delete(clientMessageId);
    this.#options.onChange(conversationId);
  }

  /** Null: it was sent, or no action is left. */
  async #send(queued: Queued): Promise<unknown> {
    const { clientMessageId, conversationId, content, payload, replyToId } = queued;
    const triedAt = queued.triedAt ?? Date.now();
    // Also if the clock was set back meanwhile.
    if (Math.abs(Date.now() - triedAt) > KNOWN_FOR_MS) return refusal('CONFLICT', 'Perhaps sent.');
    if (queued.triedAt === null) await this.#update({ ...queued, triedAt });
    // Discarded, or of another user, meanwhile.
    if (!this.#queue.has(clientMessageId)) return null;
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
    const kept = await this.#list();
    if (!kept) return;
    const ids = new Set(kept.map(({ clientMessageId }) => clientMessageId));
    for (const [id, queued] of this.#queue) {
      if (this.#kept.has(id) && !ids.has(id) && !this.#written.has(id)) this.#forget(queued);
    }
    for (const queued of kept) {
      if (!this.#written.has(queued.clientMessageId)) this.#take(queued);
    }
  }

  /** In the order in which they were written. */
  #all(conversationId?: string): Queued[] {
    return [...this.#queue.values()]
      .filter((queued) => (conversationId ?? queued.conversationId) === queued.conversationId)
      .sort((one, other) => one.at - other.at);
  }

  /** Undefined: storage failed, or the user has signed out meanwhile. */
  async #list(): Promise<readonly Queued[] | undefined> {
    const owner = this.#userId;
    const kept = await this.#options.storage.list(this.#keyOf('')).catch(() => undefined);
    return owner === this.#userId ? kept?.map(([, value]) => value as Queued) : undefined;
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
    return outboxOf(this.#userId as string) + clientMessageId;
  }

  /** If storage fails the message is sent all the same, while the page is open. */
  async #keep(queued: Queued): Promise<void> {
    this.#written.add(queued.clientMessageId);
    if (!this.#userId) return;
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

/** The prefix of a user's messages in storage. The id of another user may begin with this one's and a slash. */
export const outboxOf = (userId: string): string => `outbox/${encodeURIComponent(userId)}/`;
const bytesOf = (value: unknown): number => new TextEncoder().encode(JSON.stringify(value)).length;
