/**
 * Reports changes of the list itself in the stream of a user's inbox: conversations joined and left, those to be read again,
 * and the checkpoints up to which the reader has everything.
 */
import type { Bearer } from '../../access/bearer.ts';
import type { Clock } from '../../clock.ts';
import type { ConversationHead, Engine, LeaveReason } from '../../engine/port.ts';
import { type ExpiryReason, isOutage, positionExpired, type ServiceError } from '../../errors.ts';
import { askInParts, inParts } from '../../in-parts.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { ConversationId, InboxReturn, Position } from '../../model.ts';
import { type ClientPositions, furthest } from '../conversations/client-positions.ts';
import type { FollowedConversation } from '../conversations/followed-conversation.ts';
import { asServiceError } from '../conversations/replay.ts';
import { CheckpointSchedule } from './checkpoint-schedule.ts';
import { Checkpoints } from './checkpoints.ts';
import { type InboxStreamEvent, kindOf } from './inbox-events.ts';
import type { ListChange, ListChanges } from './list-changes.ts';
import type { ListReporter, ReportingStream } from './list-reporter.ts';
import type { ListReading } from './own-list.ts';
import { type PendingChange, PendingChanges } from './pending-changes.ts';
import { returnedTo } from './returns.ts';

/** The position of a returning reader. */
export interface InboxResume {
  /** Null: no checkpoint yet. */
  readonly checkpoint: InboxReturn | null;
  /** The positions received since, by conversation. */
  readonly positions: ClientPositions;
}

export interface InboxReporterContext {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
}

/** The start of a conversation that the reader knows. */
interface KnownStart {
  readonly position: Position;
  /** The version of the conversation that the reader has; null: the conversation must be sent. */
  readonly version: number | null;
}

/** Events without a position: a reader cannot resume from them. */
const PASSING = new Set(['TypingChanged', 'MessageExtended', 'MessageStopRequested']);

export class InboxReporter implements ListReporter {
  readonly #context: InboxReporterContext;
  readonly #bearer: Bearer;
  readonly #resume: InboxResume;
  readonly #checkpoints: Checkpoints;
  #stream: ReportingStream | null = null;
  /** The read of the list that is not reported yet. */
  #reading: ListReading | null = null;
  /** The position of the list up to which changes were reported. */
  #list: Position | null;
  #isListed = false;
  /** The starts of conversations that the reader knows, until they begin. */
  readonly #starts = new Map<ConversationId, KnownStart>();
  readonly #expired = new Map<ConversationId, ServiceError>();
  readonly #joined = new Set<ConversationId>();
  /** Conversations that were left before the list's log was read: reported already, or waiting for the reason. */
  readonly #left = new Map<ConversationId, 'reported' | 'unreported'>();
  /** Conversations whose membership is being checked, and the reason to report if it has ended. */
  readonly #doubted = new Map<ConversationId, LeaveReason>();
  readonly #pending: PendingChanges;
  readonly #schedule: CheckpointSchedule;

  constructor(context: InboxReporterContext, bearer: Bearer, resume: InboxResume, mostNamed?: number) {
    this.#context = context;
    this.#bearer = bearer;
    this.#resume = resume;
    this.#list = resume.checkpoint?.list ?? null;
    this.#checkpoints = new Checkpoints(mostNamed);
    this.#pending = new PendingChanges({
      engine: context.engine,
      since: resume.checkpoint?.time ?? 0,
      stream: () => this.#stream,
      onSent: () => this.#onPendingSent(),
      onFailed: this.#again.bind(this),
    });
    this.#schedule = new CheckpointSchedule({
      engine: context.engine,
      clock: context.clock,
      checkpoints: this.#checkpoints,
      stream: () => this.#stream,
      list: () => this.#list,
      isUndecided: () => this.#expired.size + this.#doubted.size + this.#pending.size > 0,
      deliver: (position) => this.#deliver({ kind: 'Checkpoint', isLive: true, viewer: bearer.viewer, position }),
      onFailed: this.#again.bind(this),
    });
  }

  get listPosition(): Position | null {
    return this.#resume.checkpoint?.list ?? null;
  }

  attach(stream: ReportingStream): void {
    this.#stream = stream;
  }

  /** @throws {ServiceError} POSITION_EXPIRED when the list's log no longer reaches back: the list must be read again. */
  async take(reading: ListReading): Promise<void> {
    const { ids, changes } = reading;
    this.#reading = reading;
    if (this.#isListed) return this.#noteFresh(ids, changes);
    if (changes.expiry) throw positionExpired(changes.expiry);
    await this.#prepare(ids, changes);
  }

  startOf(id: ConversationId, joined: Position | null): Position | null {
    if (this.#expired.has(id)) return null;
    // The viewer left in between, and undelivered events were withdrawn then.
    if (this.#joined.has(id)) return joined;
    const start = this.#starts.get(id)?.position ?? this.#resume.positions.get(id) ?? null;
    if (!start || !joined || start.epoch !== joined.epoch || start.place >= joined.place) return start;
    // The reader's membership is an earlier one than the present.
    this.#joined.add(id);
    this.#left.set(id, 'unreported');
    return joined;
  }

  expiryOf(id: ConversationId): ServiceError | null {
    return this.#expired.get(id) ?? null;
  }

  onBegin(following: FollowedConversation<object>, expiry: ServiceError | null): void {
    const { id, conversation } = following.channel;
    const start = this.#starts.get(id);
    this.#starts.delete(id);
    const left = this.#left.get(id);
    if (left === 'unreported') this.#reportLeft(id, this.#reading?.changes.of.get(id)?.left ?? 'REMOVED');
    this.#left.delete(id);
    if (this.#joined.delete(id) || left) {
      following.onJoined();
      // Read positions may have moved before the channel joined the bus.
      this.#addPending(id, 'reads');
    } else if (this.#resume.checkpoint && !expiry && start?.version !== conversation?.version)
      this.#addPending(id, 'state');
    if (expiry) this.#expired.delete(id);
    if (!expiry || following.isHidden) return;
    this.#touch(id);
    this.#deliver({ kind: 'ConversationReset', conversationId: id, reason: expiry.reason as ExpiryReason });
  }

  onListed(): void {
    const reading = this.#reading;
    if (!reading) return;
    const { of, head, expiry } = reading.changes;
    for (const [id, change] of of) if (!change.isListed) this.#reportGone(id, change);
    // An older version changed the list, or a failover lost the end of its log: the list itself shows the memberships.
    if (expiry) this.#confirmAll('REMOVED');
    for (const [id, state] of this.#left) if (expiry && state === 'unreported') this.#reportLeft(id, 'REMOVED');
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
    if (reason) this.#reportLeft(id, reason);
    else this.#left.set(id, 'unreported');
  }

  onShown(id: ConversationId): void {
    this.#addPending(id, 'state');
  }

  onExpired(id: ConversationId, expiry: ServiceError): void {
    this.#expired.set(id, expiry);
  }

  onIdle(): void {
    if (!this.#schedule.hasBegun) void this.#pending.send();
  }

  close(): void {
    this.#schedule.close();
  }

  /** The start of each conversation when the stream begins. */
  async #prepare(ids: readonly ConversationId[], changes: ListChanges): Promise<void> {
    const { engine, clock } = this.#context;
    const { checkpoint } = this.#resume;
    const now = await engine.time();
    // No two clocks differ that much. This one was set back, so new changes would count as delivered.
    if (checkpoint && checkpoint.time > now) throw positionExpired('DIVERGED');
    const read = await askInParts(ids, async (part) => {
      const heads = await engine.readHeads(this.#bearer.viewer.tenant, part, checkpoint?.time ?? now);
      return part.map((id, index) => ({ id, head: heads[index] ?? null }));
    });
    const returned = await returnedTo(engine, this.#bearer.viewer, this.#resume.positions, changes);
    // Also for a conversation that was joined again: the reader may know of the join without any event of it.
    for (const [id, { left }] of changes.of) if (left && !returned.has(id)) this.#reportLeft(id, left);
    const elapsed = clock.elapsed();
    await inParts(read.flat(), (part) => {
      const changed: [id: ConversationId, at: number][] = [];
      for (const { id, head } of part) {
        if (!head) continue;
        changed.push([id, elapsed - (now - Math.max(head.loggedAt ?? now, head.changedAt))]);
        this.#prepareOne(id, head, returned.has(id) ? undefined : changes.of.get(id));
      }
      this.#checkpoints.begin(changed);
    });
  }

  #prepareOne(id: ConversationId, head: ConversationHead, change: ListChange | undefined): void {
    const { checkpoint, positions } = this.#resume;
    const received = positions.get(id);
    // A reader that has events of a membership also has its join.
    const isNew = change && (change.left !== null || !received);
    if (isNew) return void this.#joined.add(id);
    const { version } = head;
    if (!checkpoint) return;
    const point = checkpoint.pointOf(id);
    const start = received ? (furthest(point?.position, received) ?? received) : point?.position;
    const isStale = point ? point.version !== version : head.changedAt > checkpoint.time - TIMES.clocksApartMs;
    if (start || head.isKept)
      this.#starts.set(id, { position: start ?? head.position, version: isStale ? null : version });
    else this.#expired.set(id, positionExpired('RETENTION', { conversationId: id }));
  }

  /** Drops conversations that were to begin again and are no longer in the list. */
  #forgetAbsent({ ids, asked }: ListReading): void {
    if (this.#expired.size === 0) return;
    const own = new Set(ids);
    for (const id of this.#expired.keys()) if (!own.has(id) && (!asked || asked.has(id))) this.#forget(id);
  }

  #forget(id: ConversationId): void {
    this.#checkpoints.forget(id);
    this.#expired.delete(id);
  }

  /** Marks conversations that are not followed yet: they were joined since, or begin again. */
  #noteFresh(ids: readonly ConversationId[], { of }: ListChanges): void {
    // Earlier entries that are still to be joined are entered again.
    this.#joined.clear();
    for (const id of ids) {
      if (this.#stream?.find(id) || this.#expired.has(id)) continue;
      if (this.#left.get(id) === 'unreported') this.#reportLeft(id, of.get(id)?.left ?? 'REMOVED');
      this.#joined.add(id);
    }
  }

  /** Reports a conversation that the list's log shows as left. */
  #reportGone(id: ConversationId, { left }: ListChange): void {
    const following = this.#stream?.find(id);
    if (following) return this.#confirm(following, left ?? 'REMOVED');
    const state = this.#left.get(id);
    this.#left.delete(id);
    if (!left || !this.#isListed || state === 'reported') return;
    this.#reportLeft(id, left);
    this.#left.delete(id);
  }

  #confirm(following: FollowedConversation<object>, reason: LeaveReason): void {
    const { id } = following.channel;
    this.#doubted.set(id, reason);
    void this.#stream?.confirm(following).then(() => this.#doubted.delete(id));
  }

  /** No checkpoint is taken during the checks. */
  #confirmAll(reason: LeaveReason): void {
    const followed = [...(this.#stream?.followed() ?? [])];
    for (const { channel } of followed) this.#doubted.set(channel.id, reason);
    void inParts(followed, (part) => {
      for (const following of this.#stream?.isOpen ? part : []) this.#confirm(following, reason);
    });
  }

  #reportLeft(id: ConversationId, reason: LeaveReason): void {
    this.#left.set(id, 'reported');
    this.#forgetReported();
    this.#deliver({ kind: 'ConversationLeft', conversationId: id, reason });
    this.#schedule.plan();
  }

  /** A read of the list's log names no more conversations than the log holds: older departures are not reported again. */
  #forgetReported(): void {
    for (const [id, state] of this.#left) {
      if (this.#left.size <= LIMITS.userLogEntries) return;
      if (state === 'reported') this.#left.delete(id);
    }
  }

  #deliver(event: InboxStreamEvent): void {
    this.#stream?.deliver(event);
  }

  #touch(id: ConversationId): void {
    this.#checkpoints.touch(id, this.#context.clock.elapsed());
    this.#schedule.plan();
  }

  #addPending(id: ConversationId, what: PendingChange): void {
    this.#pending.add(id, what);
    if (this.#schedule.hasBegun) void this.#pending.send();
  }

  /** Everything pending was sent. The first checkpoint follows the replays. */
  #onPendingSent(): void {
    // Replays that began meanwhile call this again when they end.
    if (!this.#schedule.hasBegun && this.#stream?.isOpen && !this.#stream.isReplaying) this.#schedule.begin();
  }

  #again(error: unknown, again: () => void): void {
    const { clock, log } = this.#context;
    if (!isOutage(error)) log.error({ tenant: this.#bearer.viewer.tenant, err: asServiceError(error) }, 'inbox failed');
    clock.after(TIMES.retryMs, () => {
      if (this.#stream?.isOpen) again();
    });
  }
}
