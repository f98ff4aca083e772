/**
 * Detects a lost announcement although no connection broke and no later announcement shows it.
 *
 * Every state has a mark in the slot of its channel, which changes with each announcement: a version, a place, or a
 * separate key. Each channel compares the last mark received with the stored one once in `TIMES.headCheckMs`, however many
 * listen. An announcement that also contains the previous mark reveals a lost one at once. Typing has no mark: it ends
 * within `TIMES.typingMs` anyway.
 */
import type { Clock } from '../../clock.ts';
import { inParts } from '../../in-parts.ts';
import { TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { Position } from '../../model.ts';
import type { Announcement, BusListener, Channel } from '../port.ts';
import { attempt } from './attempt.ts';
import type { RunOne } from './batches.ts';
import type { RedisClient } from './client.ts';
import type { Keys } from './keys.ts';

/**
 * A stored mark that was not received may be on its way, so it is checked again after this time before it counts as lost.
 */
const TICK_MS = 1_000;

/** Channels that affect rights. They are notified first. */
const RIGHTS: ReadonlySet<Channel['kind']> = new Set(['sessions', 'memberships', 'routing-rules', 'topic-policies']);

type Mark = string | null;

/** The marks in an announcement: the previous one and its own. */
interface Marked {
  readonly mark?: readonly [before: number | null, now: number];
}

/** The marks of a channel: of its state, and of its log. */
interface Stored {
  readonly state: Mark;
  readonly log: Mark;
}

interface Watched {
  readonly channel: Channel;
  readonly listeners: Set<BusListener>;
  /** The last mark received; undefined: none yet, and the stored one is not known either. */
  state: Mark | undefined;
  /** Converted to a mark only for the comparison, since messages are frequent. */
  log: Mark | Position | undefined;
  /** The marks received at the last check, for the parts whose stored mark differed. */
  suspected: Partial<Readonly<Record<keyof Stored, Mark>>>;
  dueAt: number;
  /** When a check last confirmed that nothing was missed, by `Clock.elapsed`. */
  heardAt: number;
}

const textOf = (mark: unknown): Mark => (mark === null || mark === undefined ? null : String(mark));

const placeOf = (epoch: Mark | undefined, place: Mark | undefined): Mark => (epoch ? `${epoch} ${place}` : null);

const logOf = (log: Mark | Position | undefined): Mark | undefined =>
  typeof log === 'object' && log !== null ? placeOf(log.epoch, String(log.place)) : log;

export class Marks {
  readonly #client: RedisClient;
  readonly #runOne: RunOne;
  readonly #keys: Keys;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #watched = new Map<string, Watched>();
  /** Channels whose listeners must still be notified of an interruption. */
  readonly #interrupted = new Set<Watched>();
  readonly #stop: () => void;

  constructor(client: RedisClient, runOne: RunOne, keys: Keys, clock: Clock, log: Log) {
    this.#client = client;
    this.#runOne = runOne;
    this.#keys = keys;
    this.#clock = clock;
    this.#log = log;
    this.#stop = clock.every(TICK_MS, () => this.#lookAtDue());
  }

  /** Adds a listener of this channel; `forget` removes it. */
  watch(name: string, channel: Channel, listener: BusListener): { readonly watched: Watched; forget(): void } {
    const watched = this.#watched.get(name) ?? this.#begin(name, channel);
    watched.listeners.add(listener);
    return {
      watched,
      forget: () => {
        watched.listeners.delete(listener);
        if (watched.listeners.size > 0) return;
        this.#interrupted.delete(watched);
        if (this.#watched.get(name) === watched) this.#watched.delete(name);
      },
    };
  }

  /**
   * Reads the stored mark once the channel is subscribed: listeners read the state later, over the same connection. Not
   * awaited; without an answer the first check notifies the listeners.
   */
  async readStored(watched: Watched): Promise<void> {
    if (watched.state !== undefined) return;
    const now = this.#clock.elapsed();
    try {
      const { state, log } = await this.#read(watched.channel);
      watched.state ??= state;
      watched.log ??= log;
      watched.heardAt = now;
    } catch {
      // See above.
    }
  }

  /** Records the mark of an announcement, and returns it as listeners get it. On the hot path of every message. */
  record(watched: Watched, announcement: Announcement): Announcement {
    if (this.#interrupted.size > 0) this.#interrupt(watched);
    switch (announcement.type) {
      case 'message':
        watched.log = announcement.message.position;
        return announcement;
      case 'publication':
        watched.log = announcement.publication.position;
        return announcement;
      case 'presence':
        watched.state = textOf(announcement.presence.version);
        return announcement;
      case 'typing':
      case 'extension':
      case 'stop':
        return announcement;
      case 'conversation':
        // Only for the first announcement: later ones say where the log is, not that its messages were received.
        watched.log ??= announcement.conversation.position;
        return this.#recordMarked(watched, announcement);
      default:
        return this.#recordMarked(watched, announcement);
    }
  }

  /**
   * After an interruption every listener is notified and reads everything. With a hundred thousand channels this
   * happens in parts: channels of rights first, and each channel before its next announcement.
   */
  async interrupt(): Promise<void> {
    const all = [...this.#watched.values()];
    const isOfRights = ({ channel }: Watched): boolean => RIGHTS.has(channel.kind);
    const inOrder = [...all.filter(isOfRights), ...all.filter((watched) => !isOfRights(watched))];
    for (const watched of inOrder) this.#interrupted.add(watched);
    await inParts(inOrder, (part) => {
      for (const watched of part) this.#interrupt(watched);
    });
  }

  #interrupt(watched: Watched): void {
    if (!this.#interrupted.delete(watched)) return;
    watched.state = undefined;
    watched.log = undefined;
    void this.readStored(watched);
    for (const listener of [...watched.listeners]) listener.onInterrupted();
  }

  close(): void {
    this.#stop();
    this.#watched.clear();
    this.#interrupted.clear();
  }

  /** Older releases announce without the previous mark, so a lost one is not revealed. */
  #recordMarked(watched: Watched, { mark, ...announcement }: Announcement & Marked): Announcement {
    if (!mark) {
      if (announcement.type === 'conversation') watched.state = textOf(announcement.conversation.version);
      return announcement;
    }
    const [before, now] = mark.map(textOf);
    if (now === watched.state) return announcement;
    const isNext = before === null || watched.state === undefined || before === watched.state;
    watched.state = now;
    if (!isNext) this.#reportLoss(watched);
    return announcement;
  }

  #begin(name: string, channel: Channel): Watched {
    const dueAt = this.#clock.elapsed() + Math.random() * TIMES.headCheckMs;
    const watched: Watched = {
      channel,
      listeners: new Set(),
      state: undefined,
      log: undefined,
      suspected: {},
      dueAt,
      heardAt: Number.NEGATIVE_INFINITY,
    };
    this.#watched.set(name, watched);
    return watched;
  }

  #lookAtDue(): void {
    const now = this.#clock.elapsed();
    // Reads of one turn of the event loop are sent together.
    for (const watched of this.#watched.values()) if (watched.dueAt <= now) void this.#look(watched, now);
  }

  async #look(watched: Watched, now: number): Promise<void> {
    watched.dueAt = now + TIMES.headCheckMs;
    let stored: Stored;
    try {
      stored = await this.#read(watched.channel);
    } catch {
      // The server is unavailable, which is reported as an interruption.
      return;
    }
    const received = { state: watched.state, log: logOf(watched.log) };
    const { suspected } = watched;
    const other = (['state', 'log'] as const).filter(
      // A stored mark that has expired proves nothing.
      (part) => received[part] !== stored[part] && !(part === 'state' && stored.state === null),
    );
    watched.suspected = Object.fromEntries(other.map((part) => [part, received[part]]));
    if (other.length === 0) {
      watched.heardAt = now;
      return;
    }
    if (!other.some((part) => received[part] === undefined || suspected[part] === received[part])) {
      // The announcement may be on its way, or a later one may have replaced it.
      watched.dueAt = now + TICK_MS;
      return;
    }
    watched.suspected = {};
    watched.state = stored.state;
    watched.log = stored.log;
    this.#reportLoss(watched);
  }

  #reportLoss({ channel, listeners }: Watched): void {
    this.#log.warn({ channel: channel.kind }, 'announcement missed; reading the state again');
    for (const listener of [...listeners]) listener.onInterrupted();
  }

  #read(channel: Channel): Promise<Stored> {
    const { tenant } = channel;
    const client = this.#client;
    return attempt(async () => {
      switch (channel.kind) {
        case 'conversation': {
          const { meta } = this.#keys.conversation(tenant, channel.id);
          const [version, epoch, place] = (await this.#runOne('read-marks', [meta])) as Mark[];
          return { state: textOf(version), log: placeOf(epoch, place) };
        }
        case 'topic': {
          const [epoch, place] = await client.hmget(this.#keys.topic(tenant, channel.id).meta, 'epoch', 'place');
          return { state: null, log: placeOf(epoch, place) };
        }
        case 'presence':
          return { state: await client.hget(this.#keys.user(tenant, channel.id).presence, 'version'), log: null };
        case 'memberships':
          return { state: await client.get(this.#keys.user(tenant, channel.id).membershipsMark), log: null };
        case 'sessions':
          return { state: await client.get(this.#keys.user(tenant, channel.id).sessionsMark), log: null };
        case 'routing-rules':
          return { state: await client.get(this.#keys.routingRules(tenant).mark), log: null };
        case 'topic-policies':
          return { state: await client.get(this.#keys.topicPolicies(tenant).mark), log: null };
      }
    });
  }
}
