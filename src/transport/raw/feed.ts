/**
 * What a raw client is sent without asking: messages and typing of all its conversations.
 *
 * How far the client has read is asked of the connection itself: a ping goes behind
 * what was written, and its pong says that all of it was read. Then the place is
 * stored for the session, which goes on there when it comes back.
 */
import type { MessageNews } from '../../delivery/delivery.ts';
import { type Outlet, type Payload, RenderedStream } from '../../delivery/rendered-stream.ts';
import { isDirect } from '../../domain/direct-id.ts';
import type { ResumePoints } from '../../domain/resume-points.ts';
import { CLOSE_CODES, type ServiceError, TOO_SLOW } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { ConversationId, MessageId, MessageRecord, Position } from '../../model.ts';
import type { Connection } from '../websocket/connection.ts';
import { Held } from './held.ts';
import { RawOutlet } from './outlet.ts';
import type { RawParts } from './parts.ts';
import { Places, type Positions } from './places.ts';

export interface FeedIdentity {
  readonly connection: Connection;
  /** Names what of the user's is one place of reading. */
  readonly session: string;
  /** Tells of an error that is no answer to a frame. */
  readonly tell: (error: ServiceError) => void;
}

export class Feed implements Outlet {
  readonly #options: RawParts;
  readonly #identity: FeedIdentity;
  readonly #outlet: RawOutlet;
  readonly #places: Places;
  #read: ReadonlyMap<ConversationId, number> = new Map();
  /** What the client is being asked whether it has read it. */
  #asked: Positions | null = null;
  /** While a message is being sent, what arrives waits: its echo can be told only by the answer. */
  #held: Held | null = null;
  readonly #own = new Set<MessageId>();
  #stream: RenderedStream | null = null;

  constructor(identity: FeedIdentity, options: RawParts) {
    this.#identity = identity;
    this.#options = options;
    const { connection } = identity;
    this.#places = new Places(() => connection.outbox.written);
    this.#outlet = new RawOutlet(connection, {
      delivered: (event) => options.metrics.delivered(event, 'websocket'),
      // Silence would look like peace: the client comes back and is told.
      ended: (error) => error && connection.close(CLOSE_CODES.TRY_AGAIN_LATER, 'Come back'),
    });
    connection.onTick(() => this.#ask());
    connection.onEnd(() => this.#stream?.close());
    connection.onClose(() => this.#close());
  }

  /**
   * Opens it where the session was left; nothing is delivered before `begin`. Answers whether
   * it was here before. A new session is stored before its client is told of it: whoever knows
   * that it is connected is given all that follows, even if it vanishes in the next moment.
   */
  async open(): Promise<boolean> {
    const { connection, session } = this.#identity;
    const { viewer } = connection;
    if (!viewer) return false;
    const { bookmarks } = this.#options.domain;
    const { isResumed, after, read } = await bookmarks.open(viewer, session);
    this.#read = read;
    await this.#follow(after);
    if (!isResumed) await bookmarks.begin(viewer, session, this.#places.current);
    return isResumed;
  }

  begin(): void {
    this.#stream?.pipe(this);
  }

  /** Goes on from other positions. @throws {ServiceError} POSITION_EXPIRED; it goes on as before then. */
  async resume(positions: ResumePoints): Promise<void> {
    const { connection } = this.#identity;
    if (!connection.viewer) return;
    this.#stream?.close();
    this.#read = new Map();
    const before = await this.#options.domain.bookmarks.still(connection.viewer, this.#places.current);
    try {
      const ids = new Set([...before.keys(), ...positions.keys()]);
      const after = [...ids].flatMap((id): [ConversationId, Position][] => {
        const position = positions.get(id) ?? before.get(id);
        return position ? [[id, position]] : [];
      });
      await this.#follow(new Map(after), false);
    } catch (error) {
      await this.#follow(before).catch(() => connection.close(CLOSE_CODES.TRY_AGAIN_LATER, 'Come back'));
      this.begin();
      throw error;
    }
  }

  /** Sends a message of the client's, and does not deliver it to its own socket. */
  async sending(work: () => Promise<MessageRecord>): Promise<MessageRecord> {
    this.#held = new Held(this.#options.connections.maxQueuedBytes);
    try {
      const message = await work();
      this.#own.add(message.id);
      const [oldest] = this.#own;
      if (oldest !== undefined && this.#own.size > LIMITS.ownMessages) this.#own.delete(oldest);
      return message;
    } finally {
      const held = this.#held;
      this.#held = null;
      held.release((payload, event) => this.deliver(payload, event));
    }
  }

  deliver(payload: Payload, event: object): void {
    if (this.#held) return this.#hold(this.#held, payload, event);
    if ('isTyping' in event || 'messageId' in event) return void this.#outlet.deliver(payload, event);
    if ('news' in event) return this.#deliverNews(payload, event as MessageNews);
    const { id, conversationId, sequence, position } = event as MessageRecord;
    const isOwn = this.#own.delete(id) && isDirect(conversationId);
    const isRead = sequence <= (this.#read.get(conversationId) ?? 0);
    const frame = isOwn || isRead ? undefined : this.#outlet.deliver(payload, event);
    this.#places.give(conversationId, position, frame);
  }

  #deliverNews(payload: Payload, event: MessageNews): void {
    const { conversationId, position } = event.message;
    const frame = this.#outlet.deliver(payload, event);
    if (event.news === 'FINISHED') this.#places.give(conversationId, position, frame);
  }

  end(error: ServiceError | null): void {
    this.#outlet.end(error);
  }

  isCongested(): boolean {
    return this.#held?.isFull || this.#outlet.isCongested();
  }

  onRoom(resume: () => void): () => void {
    return this.#held?.isFull ? this.#held.onRelease(resume) : this.#outlet.onRoom(resume);
  }

  #hold(held: Held, payload: Payload, event: object): void {
    const { connection } = this.#identity;
    if (connection.isOpen && !held.add(payload, event)) connection.close(CLOSE_CODES.TRY_AGAIN_LATER, TOO_SLOW);
  }

  /**
   * Opens the stream. A position that expired is told of, and its conversation begins live. It is
   * told when that has begun: whoever is told reads at once, and hears what is sent after their reading.
   */
  async #follow(after: Positions, isForgiving = true): Promise<void> {
    const { connection, tell } = this.#identity;
    const { bearer } = connection;
    if (!bearer) return;
    const { clock, delivery, rendering, metrics } = this.#options;
    const begin = (id: ConversationId, position: Position, expiry: ServiceError | null): void => {
      this.#places.give(id, position);
      if (expiry) tell(expiry);
    };
    const events = await delivery.inbox(bearer, after, begin, isForgiving);
    metrics.subscriptions.inc({ transport: 'websocket' });
    const release = (): void => metrics.subscriptions.dec({ transport: 'websocket' });
    this.#stream = new RenderedStream(events, rendering.ofTenant(bearer.viewer.tenant), release, clock);
    if (!connection.isOpen) this.#stream.close();
  }

  /** Asks how far the client has read, when it was given something. */
  #ask(): void {
    if (!this.#places.hasGiven || this.#asked) return;
    const written = this.#identity.connection.ask(() => this.#save());
    if (written !== null) this.#asked = this.#places.take(written);
  }

  /** The client has read what it was asked about. */
  #save(): void {
    const { connection, session } = this.#identity;
    const read = this.#asked;
    this.#asked = null;
    if (connection.viewer && read && read.size > 0)
      this.#options.domain.bookmarks.save(connection.viewer, session, read);
  }

  /** Who said goodbye had read what was written before; of who vanished, only what they confirmed is known. */
  #close(): void {
    const { connection } = this.#identity;
    if (!connection.wasClean) return;
    this.#asked = new Map([...(this.#asked ?? []), ...this.#places.take(connection.outbox.written)]);
    this.#save();
  }
}
