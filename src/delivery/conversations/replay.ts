/**
 * One stream's position in one conversation.
 *
 * Either it is live, and the channel passes events on; or it replays, and reads the log page by page up to the
 * channel's position. There is no `await` between the last comparison and going live, so no event is lost or delivered
 * twice (G06).
 */
import { nextTurn } from '../../clock.ts';
import type { LogPage } from '../../engine/port.ts';
import { notFound, positionExpired, ServiceError } from '../../errors.ts';
import type { MessageChange, MessageRecord, Position } from '../../model.ts';
import { type BackPressure, mayPass, roomOrEnd } from '../back-pressure.ts';
import type { ReplayMemory } from '../replay-memory.ts';
import type { ConversationChannel } from './channel.ts';
import { type SharedLog, sizeOfPage } from './shared-log.ts';

type Page = Extract<LogPage, { outcome: 'read' }>;

export interface ReplayTarget {
  /** Takes a message of the log, in order. */
  onMessage(change: MessageChange, message: MessageRecord): void;
  /** Checks whether the viewer is still a member, and closes the target if not. */
  confirm(): Promise<void>;
  /** The destination of the messages. */
  readonly room: BackPressure;
  /** The memory that all replays of the stream share. */
  readonly memory: ReplayMemory;
  isOpen(): boolean;
}

export class Replay {
  readonly #log: SharedLog;
  readonly #channel: ConversationChannel;
  readonly #target: ReplayTarget;
  #cursor: Position;
  /** The page that is buffered until it is delivered. */
  #page: Page | null = null;

  constructor(log: SharedLog, channel: ConversationChannel, after: Position, target: ReplayTarget) {
    this.#log = log;
    this.#channel = channel;
    this.#cursor = after;
    this.#target = target;
  }

  /**
   * Reads the first page, so that a position that cannot be resumed is refused
   * before anything is delivered.
   *
   * @throws {ServiceError} POSITION_EXPIRED; with `isForgiving` it is returned instead.
   */
  async prepare(isForgiving = false): Promise<ServiceError | null> {
    try {
      await this.#buffer();
      return null;
    } catch (error) {
      if (isForgiving && error instanceof ServiceError && error.code === 'POSITION_EXPIRED') return error;
      throw error;
    }
  }

  /** Delivers up to the channel's position and calls `goLive` in the same turn. */
  async run(goLive: (cursor: Position) => void): Promise<void> {
    const { memory } = this.#target;
    while (this.#target.isOpen()) {
      // Small pages of many conversations are read at once. A large page waits for its turn and is read again then.
      const page = this.#page ?? (await this.#buffer());
      const isOver = page
        ? await this.#deliver(page, goLive).finally(() => this.#release())
        : await memory.inTurn(async () => this.#target.isOpen() && this.#deliver(await this.#read(), goLive));
      if (isOver) return;
      // Pages may come without waiting: from memory, or from an engine in this process.
      await nextTurn();
    }
  }

  /** Releases what was read and not delivered. */
  close(): void {
    this.#release();
  }

  /** Resolves to true when the replay is over: live, or closed. */
  async #deliver({ entries, isWhole }: Page, goLive: (cursor: Position) => void): Promise<boolean> {
    const { room } = this.#target;
    const isOpen = (): boolean => this.#target.isOpen();
    // An interruption of the bus may have hidden a removal, so entries read afterwards need this check.
    if (entries.length > 0) await this.#target.confirm();
    if (!isOpen()) return true;
    for (const { change, message, isLast } of entries) {
      if (!message) throw positionExpired('RETENTION', { conversationId: this.#channel.id });
      // Each entry has the present state of its message, so the last change of a message is enough.
      if (change !== 'SENT' && !isLast) {
        this.#cursor = message.position;
        continue;
      }
      if (!mayPass(room) && !(await roomOrEnd(room, isOpen))) return true;
      this.#cursor = message.position;
      // An unknown change may stand for known ones before it: as an edit, it shows the reader the present message.
      this.#target.onMessage(change ?? 'EDITED', message);
    }
    if (!isWhole || this.#cursor.place < this.#channel.position.place) return false;
    goLive(this.#cursor);
    return true;
  }

  /** Reads the next page, and buffers it if there is memory for it. */
  async #buffer(): Promise<Page | null> {
    const page = await this.#read();
    if (!this.#target.memory.reserve(sizeOfPage(page))) return null;
    this.#page = page;
    return page;
  }

  #release(): void {
    if (this.#page) this.#target.memory.release(sizeOfPage(this.#page));
    this.#page = null;
  }

  async #read(): Promise<Page> {
    const { tenant, id, position } = this.#channel;
    const page = await this.#log.read({ tenant, id, after: this.#cursor, channel: position });
    if (page.outcome === 'not-found') throw notFound('conversation', { conversationId: id });
    if (page.outcome === 'expired') throw positionExpired(page.reason, { conversationId: id });
    return page;
  }
}

/** The error that ends a stream whose replay failed. */
export function asServiceError(error: unknown): ServiceError {
  return error instanceof ServiceError
    ? error
    : new ServiceError('INTERNAL_SERVER_ERROR', 'The stream failed.', { cause: error });
}
