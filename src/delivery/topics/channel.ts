/**
 * A topic with listeners on this node.
 *
 * Publications are passed on in the order of the topic's history. When one is not the next, or the bus was interrupted,
 * the channel reads what is missing from the history. When the history no longer has that part, the listeners get an
 * error (G05).
 */
import type { Clock } from '../../clock.ts';
import type { Engine, Listening } from '../../engine/port.ts';
import { expiryOf, type TopicHistory } from '../../engine/shared/publication.ts';
import { type ExpiryReason, isOutage, positionExpired } from '../../errors.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { Position, PublicationRecord, TenantId, Topic } from '../../model.ts';
import { CatchUp } from '../catch-up.ts';
import type { CountGap } from '../conversations/channel-parts.ts';
import type { AddListener, Listener } from '../joint-stream.ts';
import { SharedRead } from '../shared-read.ts';
import { type Resume, TopicReplay } from './replay.ts';

/** The publications past a position; null when some of them are no longer kept. */
function pastOf({ head, publications }: TopicHistory, position: Position | null): readonly PublicationRecord[] | null {
  const at = (epoch: string, place: number): number =>
    publications.findIndex((each) => each.position.epoch === epoch && each.position.place === place);
  // No history is left: its publications expired.
  if (!head) return [];
  if (head.epoch === position?.epoch && head.place === position.place) return [];
  const known = position ? at(position.epoch, position.place) : -1;
  const next = position ? at(position.epoch, position.place + 1) : -1;
  if (known >= 0) return publications.slice(known + 1);
  if (next >= 0) return publications.slice(next);
  // The history began again: all of it comes after the position.
  const first = head.epoch === position?.epoch ? -1 : at(head.epoch, 1);
  return first >= 0 ? publications.slice(first) : null;
}

export class TopicChannel {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #countGap: CountGap;
  readonly #tenant: TenantId;
  readonly #topic: Topic;
  readonly #listeners = new Set<Listener<PublicationRecord>>();
  /** Until the channel has caught up: the positions at which listeners begin that came meanwhile. */
  readonly #beginnings = new Map<Listener<PublicationRecord>, Position>();
  /** Listeners with a replay, which get nothing from this channel until it ends. */
  readonly #replays = new Map<Listener<PublicationRecord>, TopicReplay>();
  readonly #head: SharedRead<Position | null>;
  #listening: Listening | null = null;
  #position: Position | null = null;
  readonly #gap = new CatchUp(
    () => this.#readHistory(),
    (error) => this.#retry(error),
  );
  #isClosed = false;

  constructor(
    { engine, clock, log, countGap }: { engine: Engine; clock: Clock; log: Log; countGap: CountGap },
    tenant: TenantId,
    topic: Topic,
  ) {
    this.#countGap = countGap;
    this.#engine = engine;
    this.#clock = clock;
    this.#log = log;
    this.#tenant = tenant;
    this.#topic = topic;
    this.#head = new SharedRead(() => engine.readTopicHead(tenant, topic));
  }

  async open(): Promise<boolean> {
    this.#listening = await this.#engine.listen(
      { kind: 'topic', tenant: this.#tenant, id: this.#topic },
      {
        onAnnouncement: (announcement) => {
          if (announcement.type === 'publication') this.#receive(announcement.publication);
        },
        onInterrupted: () => void this.#gap.run(),
      },
    );
    this.#position = await this.#head.ask();
    await this.#gap.begin();
    return true;
  }

  /**
   * New listeners begin at the head, or at their position: earlier publications may still be on their way to this channel.
   *
   * @throws {ServiceError} POSITION_EXPIRED.
   */
  async prepare(resume: Resume | null = null): Promise<AddListener<PublicationRecord>> {
    if (resume) return this.#resumption(resume);
    const head = await this.#head.ask();
    return (listener) => {
      this.#listeners.add(listener);
      const hasPassed = head?.epoch === this.#position?.epoch && (head?.place ?? 0) <= (this.#position?.place ?? 0);
      if (head && !hasPassed) this.#beginnings.set(listener, head);
    };
  }

  async #resumption(resume: Resume): Promise<AddListener<PublicationRecord>> {
    const replay = new TopicReplay(this.#engine, this.#clock, this.#tenant, this.#topic, resume);
    await replay.check();
    return (listener) => {
      this.#replays.set(listener, replay);
      const isOpen = (): boolean => this.#replays.get(listener) === replay;
      void replay.run(listener, isOpen, (cursor) => this.#goLive(listener, cursor));
    };
  }

  /** False while this channel has passed on more than the replay; else the channel serves the listener from here on. */
  #goLive(listener: Listener<PublicationRecord>, cursor: Position): boolean {
    const { epoch = cursor.epoch, place = 0 } = this.#position ?? {};
    if (epoch !== cursor.epoch || place > cursor.place) return false;
    this.#replays.delete(listener);
    this.#listeners.add(listener);
    if (place < cursor.place) this.#beginnings.set(listener, cursor);
    return true;
  }

  remove(listener: Listener<PublicationRecord>): void {
    this.#replays.get(listener)?.close();
    this.#replays.delete(listener);
    this.#listeners.delete(listener);
    this.#beginnings.delete(listener);
  }

  close(): void {
    this.#isClosed = true;
    this.#gap.close();
    for (const replay of this.#replays.values()) replay.close();
    this.#replays.clear();
    this.#listening?.close().catch((error: unknown) => this.#log.warn({ err: error }, 'channel not closed'));
  }

  #receive(publication: PublicationRecord): void {
    if (this.#gap.isRunning) return this.#gap.missed();
    const { epoch, place } = publication.position;
    const last = this.#position;
    if (epoch === last?.epoch && place <= last.place) return;
    if (epoch === last?.epoch ? place !== last.place + 1 : place !== 1 || last) return void this.#gap.run();
    this.#pass(publication);
  }

  #pass(publication: PublicationRecord): void {
    if (this.#isClosed) return;
    this.#position = publication.position;
    const hasBeginnings = this.#beginnings.size > 0;
    for (const listener of this.#listeners) {
      if (!hasBeginnings || this.#isFor(listener, publication.position)) listener.push(publication);
    }
  }

  /** False for publications from before this listener came. */
  #isFor(listener: Listener<PublicationRecord>, { epoch, place }: Position): boolean {
    const beginning = this.#beginnings.get(listener);
    if (epoch !== beginning?.epoch) return true;
    if (place >= beginning.place) this.#beginnings.delete(listener);
    return place > beginning.place;
  }

  /** Passes on what the history has past the position. */
  async #readHistory(): Promise<boolean> {
    const history = await this.#engine.readTopic(this.#tenant, this.#topic, null, LIMITS.publicationsPerTopic);
    const past = pastOf(history, this.#position);
    if (!past) this.#lose(expiryOf(history.head, this.#position));
    else if (past.length > 0) {
      for (const publication of past) this.#pass(publication);
      this.#countGap('closed');
    }
    this.#position = history.head;
    return true;
  }

  #retry(error: unknown): void {
    if (this.#isClosed) return;
    if (!isOutage(error))
      this.#log.error({ tenant: this.#tenant, topic: this.#topic, err: error }, 'topic channel failed');
    this.#clock.after(TIMES.retryMs, () => void this.#gap.run());
  }

  /** Reports the loss to the listeners. Later ones begin at the head. */
  #lose(reason: ExpiryReason): void {
    this.#log.warn({ tenant: this.#tenant, topic: this.#topic, reason }, 'topic channel lost its position');
    this.#countGap('lost');
    for (const listener of [...this.#listeners]) listener.end(positionExpired(reason, { topic: this.#topic }));
  }
}
