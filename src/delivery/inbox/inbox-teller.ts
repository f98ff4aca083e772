/**
 * Tells, in the stream of a user's inbox, of the list itself: what was joined and left, what is to be read anew, and
 * up to where its reader has everything.
 */
import type { Bearer } from '../../access/bearer.ts';
import type { Clock } from '../../clock.ts';
import type { ConversationHead, Engine, LeaveReason } from '../../engine/port.ts';
import { type ExpiryReason, isOutage, positionExpired, type ServiceError } from '../../errors.ts';
import { inParts } from '../../in-parts.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { ConversationId, InboxReturn, Position } from '../../model.ts';
import type { Following } from '../conversations/following.ts';
import { receiptsSince } from '../conversations/read-moves.ts';
import { asServiceError } from '../conversations/replay.ts';
import { furthest, type ResumePoints } from '../conversations/resume-points.ts';
import { roomOrEnd } from '../room.ts';
import { Checkpoints } from './checkpoints.ts';
import { type InboxStreamEvent, kindOf } from './inbox-events.ts';
import type { ListChange, ListChanges } from './list-changes.ts';
import type { ListTeller, ToldStream } from './list-teller.ts';
import type { ListReading } from './own-list.ts';

/** Where a reader comes back to. */
export interface InboxResume {
  /** Null: they were at no checkpoint yet. */
  readonly checkpoint: InboxReturn | null;
  /** What they received since, by conversation. */
  readonly positions: ResumePoints;
}

export interface InboxTellerContext {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
}

/** Where a conversation begins that the reader knows. */
interface KnownStart {
  readonly position: Position;
  /** Of the state that the reader was told; null: they are to be told of it. */
  readonly version: number | null;
}

const RETRY_MS = 250;
/** Events that move nobody's place: after them there is nothing to go on from. */
const PASSING = new Set(['TypingChanged', 'MessageExtended', 'MessageStopRequested']);

export class InboxTeller implements ListTeller {
  readonly #context: InboxTellerContext;
  readonly #bearer: Bearer;
  readonly #resume: InboxResume;
  readonly #checkpoints: Checkpoints;
  #stream: ToldStream | null = null;
  /** What was read of the list and is not told yet. */
  #reading: ListReading | null = null;
  /** Up to where it was told. */
  #list: Position | null;
  #isListed = false;
  /** Where those that the reader knows begin, until they do. */
  readonly #starts = new Map<ConversationId, KnownStart>();
  readonly #expired = new Map<ConversationId, ServiceError>();
  readonly #joined = new Set<ConversationId>();
  /** Left, and not read in the list's log yet: told already, or not before it says why. */
  readonly #left = new Map<ConversationId, 'told' | 'untold'>();
  /** Asked whether the viewer is still in them, and what to say if not. */
  readonly #doubted = new Map<ConversationId, LeaveReason>();
  /** What is still to be told of conversations: their state, which changed while the reader was away, or read positions only. */
  readonly #owed = new Map<ConversationId, 'state' | 'reads'>();
  #isTelling = false;
  #isLive = false;
  #lastAt = Number.NEGATIVE_INFINITY;
  #stopWaiting: (() => void) | null = null;

  constructor(context: InboxTellerContext, bearer: Bearer, resume: InboxResume, mostNamed?: number) {
    this.#context = context;
    this.#bearer = bearer;
    this.#resume = resume;
    this.#list = resume.checkpoint?.list ?? null;
    this.#checkpoints = new Checkpoints(mostNamed);
  }

  get listPlace(): Position | null {
    return this.#resume.checkpoint?.list ?? null;
  }

  attach(stream: ToldStream): void {
    this.#stream = stream;
  }

  /** @throws {ServiceError} POSITION_EXPIRED when the log of the list says no more what happened since: it is to be read anew. */
  async take(reading: ListReading): Promise<void> {
    const { ids, changes } = reading;
    this.#reading = reading;
    if (this.#isListed) return this.#noteFresh(ids, changes);
    if (changes.expiry) throw positionExpired(changes.expiry);
    await this.#prepare(ids, changes);
  }

  startOf(id: ConversationId, joined: Position | null): Position | null {
    if (this.#expired.has(id)) return null;
    // What was received of it before was taken back by its being left, if anything was.
    if (this.#joined.has(id)) return joined;
    const start = this.#starts.get(id)?.position ?? this.#resume.positions.get(id) ?? null;
    if (!start || !joined || start.epoch !== joined.epoch || start.place >= joined.place) return start;
    // They joined past what the reader knows: it is another membership than the one they were told of.
    this.#starts.delete(id);
    this.#joined.add(id);
    this.#left.set(id, 'untold');
    return joined;
  }

  expiryOf(id: ConversationId): ServiceError | null {
    return this.#expired.get(id) ?? null;
  }

  onBegin(following: Following<object>, expiry: ServiceError | null): void {
    const { id, conversation } = following.channel;
    const start = this.#starts.get(id);
    this.#starts.delete(id);
    const left = this.#left.get(id);
    if (left === 'untold') this.#tellLeft(id, this.#reading?.changes.of.get(id)?.left ?? 'REMOVED');
    this.#left.delete(id);
    if (this.#joined.delete(id) || left) {
      following.onJoined();
      // They may have moved before anything of it was heard.
      this.#owe(id, 'reads');
    } else if (this.#resume.checkpoint && !expiry && start?.version !== conversation?.version) this.#owe(id, 'state');
    if (!expiry) return;
    this.#expired.delete(id);
    this.#touch(id);
    this.#tell({ kind: 'ConversationReset', conversationId: id, reason: expiry.reason as ExpiryReason });
  }

  onListed(): void {
    const reading = this.#reading;
    if (!reading) return;
    const { of, head, expiry } = reading.changes;
    for (const [id, change] of of) if (!change.isListed) this.#tellGone(id, change);
    // An older version changed the list, or a failover lost an end of its log: the list itself says who is where.
    if (expiry) this.#confirmAll('REMOVED');
    for (const [id, state] of this.#left) if (expiry && state === 'untold') this.#tellLeft(id, 'REMOVED');
    this.#forgetAbsent(reading);
    this.#list = head;
    this.#reading = null;
    this.#isListed = true;
  }

  onEvent(event: object): void {
    if (PASSING.has(kindOf(event))) return;
    this.#touch((event as { readonly conversationId: ConversationId }).conversationId);
  }

  onLeft(id: ConversationId, why: LeaveReason | null): void {
    this.#forget(id);
    const reason = why ?? this.#reading?.changes.of.get(id)?.left ?? this.#doubted.get(id) ?? null;
    if (reason) this.#tellLeft(id, reason);
    else this.#left.set(id, 'untold');
  }

  onExpired(id: ConversationId, expiry: ServiceError): void {
    this.#expired.set(id, expiry);
  }

  onIdle(): void {
    if (!this.#isLive) void this.#tellOwed();
  }

  close(): void {
    this.#stopWaiting?.();
  }

  /** Where each conversation begins, when the stream does. */
  async #prepare(ids: readonly ConversationId[], changes: ListChanges): Promise<void> {
    const { engine, clock } = this.#context;
    const { checkpoint } = this.#resume;
    const now = await engine.time();
    // Clocks are never so far apart: this one was set back, and what is written now would count as told.
    if (checkpoint && checkpoint.time > now) throw positionExpired('DIVERGED');
    const { tenant } = this.#bearer.viewer;
    const heads = (await inParts(ids, (part) => engine.readHeads(tenant, part, checkpoint?.time ?? now))).flat();
    const returned = await this.#returnedTo(changes);
    // Of one that was joined since as well: the reader may have been told of that, and of nothing in it.
    for (const [id, { left }] of changes.of) if (left && !returned.has(id)) this.#tellLeft(id, left);
    const changed: [id: ConversationId, at: number][] = [];
    for (const [index, id] of ids.entries()) {
      const head = heads[index];
      if (!head) continue;
      changed.push([id, Math.max(head.loggedAt ?? now, head.changedAt)]);
      this.#prepareOne(id, head, returned.has(id) ? undefined : changes.of.get(id));
    }
    const elapsed = clock.elapsed();
    changed.sort(([, one], [, other]) => one - other);
    for (const [id, at] of changed) this.#checkpoints.touch(id, elapsed - (now - at));
  }

  /** What was left and joined again, and the reader was told so: they received something of it since, which is not told again. */
  async #returnedTo(changes: ListChanges): Promise<ReadonlySet<ConversationId>> {
    const { positions } = this.#resume;
    const { tenant, userId } = this.#bearer.viewer;
    const ids = [...changes.of].flatMap(([id, { left, isListed }]) =>
      left && isListed && positions.has(id) ? [id] : [],
    );
    const returned = await inParts(ids, async (part) => {
      const keys = part.map((conversationId) => ({ conversationId, userId }));
      const memberships = await this.#context.engine.readMemberships(tenant, keys);
      return part.filter((id, index) => {
        const received = positions.get(id);
        return received && furthest(received, memberships[index]?.joinedPosition ?? null) === received;
      });
    });
    return new Set(returned.flat());
  }

  #prepareOne(id: ConversationId, head: ConversationHead, change: ListChange | undefined): void {
    const { checkpoint, positions } = this.#resume;
    const received = positions.get(id);
    // Whoever received something of it was told that they joined it.
    const isNew = change && (change.left !== null || !received);
    if (isNew) return void this.#joined.add(id);
    const { version } = head;
    if (!checkpoint) return void (received && this.#starts.set(id, { position: received, version }));
    const point = checkpoint.pointOf(id);
    const start = received ? (furthest(point?.position, received) ?? received) : point?.position;
    const isStale = point ? point.version !== version : head.changedAt > checkpoint.time - TIMES.clocksApartMs;
    if (start || head.isKept)
      this.#starts.set(id, { position: start ?? head.position, version: isStale ? null : version });
    else this.#expired.set(id, positionExpired('RETENTION', { conversationId: id }));
  }

  /** What is to be begun anew and is not there any more. */
  #forgetAbsent({ ids, asked }: ListReading): void {
    if (this.#expired.size === 0) return;
    const own = new Set(ids);
    for (const id of this.#expired.keys()) if (!own.has(id) && (!asked || asked.has(id))) this.#forget(id);
  }

  #forget(id: ConversationId): void {
    this.#checkpoints.forget(id);
    this.#expired.delete(id);
  }

  /** Those that are not followed yet were joined since, or begin anew. */
  #noteFresh(ids: readonly ConversationId[], { of }: ListChanges): void {
    // What was noted before and is still to be joined is noted again.
    this.#joined.clear();
    for (const id of ids) {
      if (this.#stream?.find(id) || this.#expired.has(id)) continue;
      if (this.#left.get(id) === 'untold') this.#tellLeft(id, of.get(id)?.left ?? 'REMOVED');
      this.#joined.add(id);
    }
  }

  /** What the list's log says is gone. */
  #tellGone(id: ConversationId, { left }: ListChange): void {
    const following = this.#stream?.find(id);
    if (following) return this.#confirm(following, left ?? 'REMOVED');
    const state = this.#left.get(id);
    this.#left.delete(id);
    if (!left || !this.#isListed || state === 'told') return;
    this.#tellLeft(id, left);
    this.#left.delete(id);
  }

  #confirm(following: Following<object>, reason: LeaveReason): void {
    const { id } = following.channel;
    this.#doubted.set(id, reason);
    void this.#stream?.confirm(following).then(() => this.#doubted.delete(id));
  }

  /** No checkpoint is taken meanwhile. */
  #confirmAll(reason: LeaveReason): void {
    const followed = [...(this.#stream?.followed() ?? [])];
    for (const { channel } of followed) this.#doubted.set(channel.id, reason);
    void inParts(followed, (part) => {
      for (const following of this.#stream?.isOpen ? part : []) this.#confirm(following, reason);
    });
  }

  #tellLeft(id: ConversationId, reason: LeaveReason): void {
    this.#left.set(id, 'told');
    this.#forgetTold();
    this.#tell({ kind: 'ConversationLeft', conversationId: id, reason });
    this.#arm();
  }

  /** A reading of the list's log names no more conversations than the log holds: of others nobody says again that they were left. */
  #forgetTold(): void {
    for (const [id, state] of this.#left) {
      if (this.#left.size <= LIMITS.userLogEntries) return;
      if (state === 'told') this.#left.delete(id);
    }
  }

  #tell(event: InboxStreamEvent): void {
    this.#stream?.tell(event);
  }

  #touch(id: ConversationId): void {
    this.#checkpoints.touch(id, this.#context.clock.elapsed());
    this.#arm();
  }

  #owe(id: ConversationId, what: 'state' | 'reads'): void {
    this.#owed.set(id, what);
    if (this.#isLive) void this.#tellOwed();
  }

  /** Tells what is owed, and the first time that all is told. */
  async #tellOwed(): Promise<void> {
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      for (let [next] = this.#owed; next; [next] = this.#owed) {
        await this.#tellState(...next);
        this.#owed.delete(next[0]);
      }
    } catch (error) {
      return this.#again(error, () => {
        this.#isTelling = false;
        void this.#tellOwed();
      });
    }
    this.#isTelling = false;
    // Replays began meanwhile: their end calls again.
    if (this.#isLive || !this.#stream?.isOpen || this.#stream.isReplaying) return;
    this.#isLive = true;
    void this.#checkpoint(true);
  }

  async #tellState(id: ConversationId, what: 'state' | 'reads'): Promise<void> {
    const { engine } = this.#context;
    const { checkpoint } = this.#resume;
    const stream = this.#stream;
    const following = stream?.find(id);
    const conversation = following?.channel.conversation;
    if (!stream || !following || !conversation) return;
    if (what === 'state') following.onConversation(conversation, 'CHANGED');
    const from = what === 'state' ? checkpoint?.time : following.joinedAt;
    for await (const receipt of receiptsSince(engine, following.channel, (from ?? 0) - TIMES.clocksApartMs)) {
      if (stream.find(id) !== following) return;
      if (stream.room.isCongested() && !(await roomOrEnd(stream.room, () => stream.isOpen))) return;
      const { userId, sequence, readAt } = receipt;
      following.onRead({ conversationId: id, userId, sequence, readAt });
    }
  }

  /** A checkpoint follows what was told, after the time there is between two. */
  #arm(): void {
    if (!this.#isLive || this.#stopWaiting || !this.#stream?.isOpen) return;
    const { clock } = this.#context;
    const waitMs = Math.max(this.#lastAt + TIMES.checkpointMs - clock.elapsed(), 0);
    this.#stopWaiting = clock.after(waitMs, () => {
      this.#stopWaiting = null;
      void this.#checkpoint(false);
    });
  }

  async #checkpoint(isFirst: boolean): Promise<void> {
    const { engine, clock } = this.#context;
    try {
      const now = await engine.time();
      const stream = this.#stream;
      if (!stream?.isOpen) return;
      const elapsed = clock.elapsed();
      const taken =
        this.#expired.size + this.#doubted.size + this.#owed.size > 0 || !this.#list
          ? null
          : this.#checkpoints.take(stream.followed(), elapsed);
      if (isFirst && !taken) return void clock.after(RETRY_MS, () => void this.#checkpoint(true));
      this.#lastAt = elapsed;
      // The reader goes on from an earlier one, with all positions since.
      if (!taken || !this.#list || (!taken.isWhole && !isFirst)) return this.#arm();
      const time = Math.max(Math.floor(now - (elapsed - taken.upTo)), 0);
      const place = { time, list: this.#list, points: taken.points };
      this.#tell({ kind: 'Checkpoint', isLive: true, viewer: this.#bearer.viewer, place });
    } catch (error) {
      this.#again(error, () => void this.#checkpoint(isFirst));
    }
  }

  #again(error: unknown, again: () => void): void {
    const { clock, log } = this.#context;
    if (!isOutage(error)) log.error({ tenant: this.#bearer.viewer.tenant, err: asServiceError(error) }, 'inbox failed');
    clock.after(RETRY_MS, () => {
      if (this.#stream?.isOpen) again();
    });
  }
}
