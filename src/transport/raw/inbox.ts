/**
 * What a raw client is sent without asking: messages and typing of all its conversations.
 *
 * How far the client has read is asked of the connection itself: a ping goes behind
 * what was delivered, and its pong says that all of it was read. Then the place is
 * stored for the session, which goes on there when it comes back.
 */
import { type Outlet, type Payload, RenderedStream } from '../../delivery/rendered-stream.ts';
import { isDirect } from '../../domain/conversations.ts';
import { CLOSE_CODES, ServiceError } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { ConversationId, MessageId, MessageRecord, Position } from '../../model.ts';
import type { Connection } from '../connection.ts';
import { RawOutlet } from './outlet.ts';
import type { RawParts } from './parts.ts';

type Positions = Map<ConversationId, Position>;

export interface InboxIdentity {
  readonly connection: Connection;
  /** Names what of the user's is one place of reading. */
  readonly session: string;
  /** Tells of an error that is no answer to a frame. */
  readonly tell: (error: ServiceError) => void;
}

export class Inbox implements Outlet {
  readonly #options: RawParts;
  readonly #identity: InboxIdentity;
  readonly #outlet: Outlet;
  /** Where the client is in each conversation. */
  readonly #positions: Positions = new Map();
  #read: ReadonlyMap<ConversationId, number> = new Map();
  /** What moved and was not stored. */
  #unsaved: Positions = new Map();
  #isAsking: Positions | null = null;
  /** While a message is being sent, what arrives waits: its echo can be told only by the answer. */
  #held: [Payload, object][] | null = null;
  readonly #own = new Set<MessageId>();
  #stream: RenderedStream | null = null;

  constructor(identity: InboxIdentity, options: RawParts) {
    this.#identity = identity;
    this.#options = options;
    const { connection } = identity;
    this.#outlet = new RawOutlet(connection, {
      delivered: (event) => options.metrics.delivered(event, 'websocket'),
      // Silence would look like peace: the client comes back and is told.
      ended: (error) => error && connection.close(CLOSE_CODES.TRY_AGAIN_LATER, 'Come back'),
    });
    connection.onTick(() => this.#ask());
    connection.onClose(() => this.#close());
  }

  /** Opens it where the session was left; nothing is delivered before `begin`. Answers whether it was here before. */
  async open(): Promise<boolean> {
    const { viewer } = this.#identity.connection;
    if (!viewer) return false;
    const { isResumed, after, read } = await this.#options.domain.inboxes.open(viewer, this.#identity.session);
    this.#read = read;
    await this.#follow(after);
    return isResumed;
  }

  begin(): void {
    this.#stream?.pipe(this);
  }

  /** Goes on from other positions. @throws {ServiceError} POSITION_EXPIRED; it goes on as before then. */
  async resume(positions: ReadonlyMap<ConversationId, Position>): Promise<void> {
    const { connection } = this.#identity;
    if (!connection.viewer) return;
    this.#stream?.close();
    this.#read = new Map();
    const before = await this.#options.domain.inboxes.still(connection.viewer, this.#positions);
    try {
      await this.#follow(new Map([...before, ...positions]), false);
    } catch (error) {
      await this.#follow(before).catch(() => connection.close(CLOSE_CODES.TRY_AGAIN_LATER, 'Come back'));
      this.begin();
      throw error;
    }
  }

  /** Sends a message of the client's, and does not deliver it to its own socket. */
  async sending(work: () => Promise<MessageRecord>): Promise<MessageRecord> {
    this.#held = [];
    try {
      const message = await work();
      this.#own.add(message.id);
      const [oldest] = this.#own;
      if (oldest !== undefined && this.#own.size > LIMITS.ownMessages) this.#own.delete(oldest);
      return message;
    } finally {
      const held = this.#held;
      this.#held = null;
      for (const [payload, event] of held) this.deliver(payload, event);
    }
  }

  deliver(payload: Payload, event: object): void {
    if (this.#held) return void this.#held.push([payload, event]);
    if ('isTyping' in event) return this.#outlet.deliver(payload, event);
    const { id, conversationId, sequence, position } = event as MessageRecord;
    this.#positions.set(conversationId, position);
    this.#unsaved.set(conversationId, position);
    if (this.#own.delete(id) && isDirect(conversationId)) return;
    if (sequence > (this.#read.get(conversationId) ?? 0)) this.#outlet.deliver(payload, event);
  }

  end(error: ServiceError | null): void {
    this.#outlet.end(error);
  }

  isCongested(): boolean {
    return this.#outlet.isCongested();
  }

  drained(): Promise<void> {
    return this.#outlet.drained();
  }

  /** Opens the stream; a position that expired is told of, and its conversation begins live. */
  async #follow(after: Positions, isForgiving = true): Promise<void> {
    const { connection, tell } = this.#identity;
    const { viewer } = connection;
    if (!viewer) return;
    const { delivery, rendering, metrics } = this.#options;
    for (;;) {
      try {
        const events = await delivery.inbox(viewer, after, (id, position) => {
          this.#positions.set(id, position);
          this.#unsaved.set(id, position);
        });
        metrics.subscriptions.inc({ transport: 'websocket' });
        const release = (): void => metrics.subscriptions.dec({ transport: 'websocket' });
        this.#stream = new RenderedStream(events, rendering.ofTenant(viewer.tenant), release);
        if (!connection.isOpen) this.#stream.close();
        return;
      } catch (error) {
        const expired = error instanceof ServiceError ? error.about : undefined;
        if (!isForgiving || expired === undefined || !after.delete(expired as ConversationId)) throw error;
        tell(error as ServiceError);
      }
    }
  }

  /** Asks how far the client has read, when it was given something. */
  #ask(): void {
    if (this.#unsaved.size === 0 || this.#isAsking) return;
    const given = this.#unsaved;
    if (!this.#identity.connection.ask(() => this.#save(given))) return;
    this.#isAsking = given;
    this.#unsaved = new Map();
  }

  #save(positions: Positions): void {
    this.#isAsking = null;
    const { connection, session } = this.#identity;
    const { domain, log } = this.#options;
    if (!connection.viewer || positions.size === 0) return;
    domain.inboxes.save(connection.viewer, session, positions).catch((error: unknown) => {
      log.warn({ err: error, tenant: connection.viewer?.tenant }, 'inbox not saved');
      for (const [id, position] of positions) if (!this.#unsaved.has(id)) this.#unsaved.set(id, position);
    });
  }

  /** Who said goodbye had read what came before; of who vanished, only what they confirmed is known. */
  #close(): void {
    this.#stream?.close();
    if (this.#identity.connection.wasClean) this.#save(new Map([...(this.#isAsking ?? []), ...this.#unsaved]));
  }
}
