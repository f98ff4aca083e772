/**
 * The events that a raw client gets without subscribing: messages and typing of all its conversations.
 *
 * A ping follows the written frames, and its pong confirms that the client has read them all. Then the position is
 * stored for the session, which resumes there.
 */
import type { FeedEvent, MessageNews } from '../../delivery/conversations/subscriptions.ts';
import { type Outlet, type Payload, RenderedStream } from '../../delivery/rendered-stream.ts';
import { isDirect } from '../../domain/direct-id.ts';
import type { ResumePoints } from '../../domain/resume-points.ts';
import { CLOSE_CODES, type ServiceError, TOO_SLOW } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { ConversationId, MessageId, MessageRecord, Position } from '../../model.ts';
import type { Connection } from '../websocket/connection.ts';
import { EchoBuffer } from './echo-buffer.ts';
import { FeedPositions, type Positions } from './feed-positions.ts';
import { RawOutlet, type RawOutletOwner } from './outlet.ts';
import type { RawParts } from './parts.ts';

export interface FeedIdentity {
  readonly connection: Connection;
  /** The name of the user's bookmark. */
  readonly session: string;
  /** Reports an error that is not the answer to a frame. */
  readonly reportError: (error: ServiceError) => void;
}

/** For a feed without earlier read positions. */
const NOTHING_READ: ReadonlyMap<ConversationId, number> = new Map();

export class Feed implements Outlet, RawOutletOwner {
  readonly #options: RawParts;
  readonly #identity: FeedIdentity;
  readonly #outlet: RawOutlet;
  readonly #positions: FeedPositions;
  #read: ReadonlyMap<ConversationId, number> = NOTHING_READ;
  /** The positions whose confirmation is pending. */
  #asked: Positions | null = null;
  /** While a message is being sent, arriving events wait: only the answer identifies its echo. */
  #held: EchoBuffer | null = null;
  /** Null before the first. */
  #own: Set<MessageId> | null = null;
  #stream: RenderedStream | null = null;

  constructor(identity: FeedIdentity, options: RawParts) {
    this.#identity = identity;
    this.#options = options;
    const { connection } = identity;
    this.#positions = new FeedPositions(connection.outbox);
    this.#outlet = new RawOutlet(connection, this);
    connection.onTick(() => this.#ask());
    connection.onEnd(() => this.#stream?.close());
    connection.onClose(() => this.#close());
  }

  /**
   * Opens the feed at the session's bookmark; nothing is delivered before `begin`. Resolves to whether the session
   * existed. A new session is stored before its client knows that it is connected, so a client that vanishes in the
   * next moment still gets everything that follows.
   */
  async open(): Promise<boolean> {
    const { connection, session } = this.#identity;
    const { viewer } = connection;
    if (!viewer) return false;
    const { bookmarks } = this.#options.domain;
    const { isResumed, after, read } = await bookmarks.open(viewer, session);
    this.#read = read;
    await this.#follow(after);
    if (!isResumed) await bookmarks.begin(viewer, session, this.#positions.current);
    return isResumed;
  }

  begin(): void {
    this.#stream?.pipe(this);
  }

  /** Continues from other positions. @throws {ServiceError} POSITION_EXPIRED, and continues as before. */
  async resume(positions: ResumePoints): Promise<void> {
    const { connection } = this.#identity;
    if (!connection.viewer) return;
    this.#stream?.close();
    this.#read = NOTHING_READ;
    const before = await this.#options.domain.bookmarks.still(connection.viewer, this.#positions.current);
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

  /** Sends a message of the client. It is not delivered to the client's own socket. */
  async sending(work: () => Promise<MessageRecord>): Promise<MessageRecord> {
    this.#held = new EchoBuffer(this.#options.connections.maxQueuedBytes);
    try {
      const message = await work();
      this.#own ??= new Set();
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

  deliver(payload: Payload, delivered: object): void {
    if (this.#held) return this.#hold(this.#held, payload, delivered);
    const event = delivered as FeedEvent;
    if ('isTyping' in event || 'messageId' in event) return void this.#outlet.deliver(payload, event);
    if ('news' in event) return this.#deliverNews(payload, event);
    const { id, conversationId, sequence, position } = event;
    const isOwn = this.#own?.delete(id) && isDirect(conversationId);
    const isRead = sequence <= (this.#read.get(conversationId) ?? 0);
    const frame = isOwn || isRead ? undefined : this.#outlet.deliver(payload, event);
    this.#positions.give(conversationId, position, frame);
  }

  #deliverNews(payload: Payload, event: MessageNews): void {
    const { conversationId, position } = event.message;
    const frame = this.#outlet.deliver(payload, event);
    // A request to stop is no entry of the log, so it moves no position.
    if (event.news !== 'STOP_REQUESTED') this.#positions.give(conversationId, position, frame);
  }

  end(error: ServiceError | null): void {
    this.#outlet.end(error);
  }

  delivered(event: object): void {
    this.#options.metrics.delivered(event, 'websocket', this.#identity.connection.viewer);
  }

  /** Closes the socket, so that the client notices the end, reconnects and gets the error. */
  ended(error: ServiceError | null): void {
    if (error) this.#identity.connection.close(CLOSE_CODES.TRY_AGAIN_LATER, 'Come back');
  }

  isCongested(): boolean {
    return this.#held?.isFull || this.#outlet.isCongested();
  }

  onRoom(resume: () => void): () => void {
    return this.#held?.isFull ? this.#held.onRelease(resume) : this.#outlet.onRoom(resume);
  }

  #hold(held: EchoBuffer, payload: Payload, event: object): void {
    const { connection } = this.#identity;
    if (connection.isOpen && !held.add(payload, event)) connection.close(CLOSE_CODES.TRY_AGAIN_LATER, TOO_SLOW);
  }

  /**
   * Opens the stream. An expired position is reported, and its conversation begins live. The report comes after the
   * beginning, so a client that then reads the conversation misses no later event.
   */
  async #follow(after: Positions, isForgiving = true): Promise<void> {
    const { connection, reportError } = this.#identity;
    const { bearer } = connection;
    if (!bearer) return;
    const { clock, delivery, rendering, metrics } = this.#options;
    const begin = (id: ConversationId, position: Position, expiry: ServiceError | null): void => {
      this.#positions.give(id, position);
      if (expiry) reportError(expiry);
    };
    const events = await delivery.feed(bearer, after, begin, isForgiving);
    metrics.subscriptions.inc({ transport: 'websocket' });
    const renderer = {
      render: rendering.ofTenant(bearer.viewer.tenant),
      release: () => metrics.subscriptions.dec({ transport: 'websocket' }),
    };
    this.#stream = new RenderedStream(events, renderer, clock);
    if (!connection.isOpen) this.#stream.close();
  }

  /** Asks for a confirmation, if something was sent. */
  #ask(): void {
    if (!this.#positions.hasGiven || this.#asked) return;
    const written = this.#identity.connection.ask(() => this.#save());
    if (written !== null) this.#asked = this.#positions.take(written);
  }

  /** The client has confirmed the pending positions. */
  #save(): void {
    const { connection, session } = this.#identity;
    const read = this.#asked;
    this.#asked = null;
    if (connection.viewer && read && read.size > 0)
      this.#options.domain.bookmarks.save(connection.viewer, session, read);
  }

  /** A client that closed cleanly had read all written frames; for a vanished one only its confirmations count. */
  #close(): void {
    const { connection } = this.#identity;
    if (!connection.wasClean) return;
    this.#asked = new Map([...(this.#asked ?? []), ...this.#positions.take(connection.outbox.written)]);
    this.#save();
  }
}
