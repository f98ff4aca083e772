/** A stream over conversations: those named, or all of the viewer's. */
import type { LeaveReason } from '../../engine/port.ts';
import { isOutage, type ServiceError } from '../../errors.ts';
import { askInParts, inParts } from '../../in-parts.ts';
import { TIMES } from '../../limits.ts';
import type { ConversationId, ConversationRecord, MessageRecord, TenantId, UserId, Viewer } from '../../model.ts';
import type { BackPressure } from '../back-pressure.ts';
import { EventQueue, type QueueOwner } from '../event-queue.ts';
import type { StreamFollowCount } from '../follow-counts.ts';
import { type ReportingStream, withReporter } from '../inbox/list-reporter.ts';
import { OwnConversations, type OwnConversationsOwner } from '../inbox/own-conversations.ts';
import { userKey } from '../sessions/doubts.ts';
import { AccessEnds, type ConversationStreamEvent, noAccess } from './access-ended.ts';
import { beginnings, goLive, type Start, type StartOf } from './beginning.ts';
import { furthest } from './client-positions.ts';
import type { FollowedConversation, Selection } from './followed-conversation.ts';
import { FollowedConversations, type FollowedConversationsOwner } from './followed-conversations.ts';
import { Replays, type ReplaysOwner } from './replays.ts';
import { Rights, type RightsOwner } from './rights.ts';
import { type ConversationStreamContext, type ConversationStreamOptions, withoutStart } from './stream-options.ts';

const NONE: readonly ConversationId[] = [];

/** An event is a message, a change of typing, or the conversation itself. */
function conversationIdOf(event: object): unknown {
  return 'conversationId' in event ? event.conversationId : (event as ConversationRecord).id;
}

export class ConversationStream<Event extends object>
  implements
    FollowedConversationsOwner<Event>,
    ReplaysOwner,
    RightsOwner,
    OwnConversationsOwner,
    ReportingStream,
    QueueOwner
{
  readonly #context: ConversationStreamContext;
  #options: ConversationStreamOptions<Event>;
  readonly #rights: Rights;
  readonly #followed: FollowedConversations<Event>;
  readonly #replays: Replays<Event>;
  readonly #queue: EventQueue<ConversationStreamEvent<Event>>;
  readonly sink: FollowedConversationsOwner<Event>['sink'];
  readonly #followCount: StreamFollowCount;
  /** Null: the client named the conversations. */
  readonly #own: OwnConversations | null;
  /** Null: none was delivered yet. */
  #accessEnds: AccessEnds | null = null;
  #isOpen = true;

  private constructor(context: ConversationStreamContext, options: ConversationStreamOptions<Event>) {
    const { bearer, reporter } = options;
    this.#context = context;
    this.#options = options;
    this.#queue = new EventQueue(this);
    this.sink = reporter ? withReporter(this.#queue, reporter) : this.#queue;
    this.#rights = new Rights(context.engine, bearer, options.conversationIds !== null, this);
    this.#followed = new FollowedConversations(context, this);
    this.#replays = new Replays(context, this.#rights, this);
    reporter?.attach(this);
    this.#own = options.conversationIds ? null : new OwnConversations(context, bearer, reporter, this);
    this.#followCount = context.followCounts.open(userKey(bearer.viewer));
    context.doubts.add(this.#followCount.user, this.#queue);
  }

  /**
   * Opens a stream. Once it resolves, nothing published from then on is missed.
   *
   * @throws {ServiceError} NOT_FOUND for a conversation the viewer may not see, unless its position shows that they
   *   did and others continue, POSITION_EXPIRED for a position that cannot be resumed; nothing was delivered then.
   */
  static async open<Event extends object>(
    context: ConversationStreamContext,
    options: ConversationStreamOptions<Event>,
  ): Promise<EventQueue<ConversationStreamEvent<Event>>> {
    const stream = new ConversationStream(context, options);
    try {
      await stream.#start();
    } catch (error) {
      stream.#queue.end(null);
      throw error;
    }
    // A stream stays open for days, and does not need them again.
    if (options.conversationIds) stream.#options = withoutStart(options);
    stream.#reportIdle();
    return stream.#queue;
  }

  async #start(): Promise<void> {
    const { conversationIds, after } = this.#options;
    if (this.#own) return this.#own.start();
    const named = conversationIds ?? NONE;
    this.#claim(named.length);
    await this.#follow(await this.#rights.visible(named), (id) => after.get(id) ?? null);
  }

  async followListed(listed: readonly ConversationId[]): Promise<void> {
    const { after } = this.#options;
    // The list may lag behind a change of members that the client knows. Positions of conversations that the
    // viewer has left since are skipped, so that they do not fail the others.
    const unlisted = new Set(after.keys());
    for (const id of listed) unlisted.delete(id);
    const others = await this.#rights.visible([...unlisted]);
    this.#claim(listed.length + others.length);
    await this.#follow([...listed, ...others], (id) => after.get(id) ?? null);
  }

  async followFresh(listed: readonly ConversationId[]): Promise<readonly ConversationId[]> {
    const fresh = listed.filter((id) => !this.#followed.has(id));
    await this.#follow(fresh, (id, joined) => furthest(this.#options.after.get(id), joined));
    return fresh;
  }

  onFollowed(fresh: readonly ConversationId[]): void {
    const { reporter } = this.#options;
    if (this.#isOpen) this.#followCount.resize(this.#followed.size);
    if (reporter) reporter.onListed();
    else for (const id of fresh) this.#showJoined(id);
    this.#reportIdle();
  }

  onFailed(error: ServiceError): void {
    this.#queue.end(error);
  }

  onStop(message: MessageRecord): void {
    const event = this.#followed.has(message.conversationId)
      ? null
      : this.selection.stopElsewhere?.(message, this.viewer);
    if (event) this.#queue.push(event);
  }

  /** A stream that ended meanwhile follows nothing. @throws {ServiceError} BAD_USER_INPUT. */
  #claim(count: number): void {
    if (this.#isOpen) this.#followCount.claim(count);
  }

  get viewer(): Viewer {
    return this.#rights.viewer;
  }

  /** Follows conversations the viewer may see, each from a position or from now on. */
  async #follow(ids: readonly ConversationId[], after: StartOf): Promise<void> {
    const joined: FollowedConversation<Event>[] = [];
    try {
      await askInParts(ids, async (part) => {
        const joins = await Promise.allSettled(part.map((id) => this.#followed.join(id)));
        for (const join of joins) if (join.status === 'fulfilled' && join.value) joined.push(join.value);
        const failed = joins.find((join) => join.status === 'rejected');
        if (failed) throw failed.reason;
      });
      await this.#begin(joined, after);
    } catch (error) {
      // Leaves all of them, so that the next try follows all. Following only some would be a silent gap.
      await this.#followed.leaveAll(joined);
      throw error;
    }
  }

  /** Lets the joined conversations go live, or replay first. Leaves those that the viewer may not see. */
  async #begin(joined: readonly FollowedConversation<Event>[], after: StartOf): Promise<void> {
    const stream = {
      options: this.#options,
      rights: this.#rights,
      followed: this.#followed,
      replays: this.#replays,
      own: this.#own,
      countResume: this.#context.countResume,
    };
    const ready = await beginnings(stream, joined, after);
    this.#reportMissing(ready);
    // The replay is complete only after all have begun.
    await this.#replays.during(() =>
      inParts(ready, (part) => {
        for (const start of part) goLive(stream, start);
      }),
    );
  }

  /** Reports the named conversations that are not followed: before any other event, and once. @throws {ServiceError} */
  #reportMissing(ready: readonly Start<Event>[]): void {
    const { conversationIds, after } = this.#options;
    // The stream may have ended meanwhile for its own reason, and follows nothing then.
    if (!conversationIds || !this.#isOpen) return;
    try {
      if (this.#followed.size < conversationIds.length || this.#accessEnds)
        this.#accessEndsOf().reportMissing(conversationIds, this.#followed, after);
    } catch (error) {
      for (const { replay } of ready) replay?.close();
      throw error;
    }
  }

  onLeft(following: FollowedConversation<object>, userIds: readonly UserId[], why: LeaveReason | null): void {
    const { channel } = following;
    if (!this.#followed.includes(following)) return;
    if (userIds.includes(this.viewer.userId) && !this.#rights.seesAll) this.#lose(channel.id, why);
  }

  onShown(shown: FollowedConversation<object>): void {
    const { id } = shown.channel;
    const following = this.#followed.get(id);
    this.#own?.show(id);
    if (!following || following !== shown) return;
    this.#options.reporter?.onShown(id);
    const { position } = following;
    this.#replays.begin(following, this.#replays.of(following, position));
  }

  onAhead(following: FollowedConversation<object>): void {
    void this.#replays.confirm(following);
  }

  onChannelEnd(following: FollowedConversation<object>, error: ServiceError): void {
    const { channel } = following;
    const { reporter } = this.#options;
    this.#followed.discard(following);
    // The channel counts its own end once for all streams.
    if (error.code === 'POSITION_EXPIRED' && !channel.hasEnded) this.#context.countGap('lost', error);
    // A deleted conversation does not end the others.
    if (error.code === 'NOT_FOUND') return this.#lose(channel.id, 'DELETED');
    if (!reporter || error.code !== 'POSITION_EXPIRED') return this.#queue.end(error);
    const followed = this.#followed.get(channel.id);
    if (!followed || followed !== following) return;
    this.#followed.leave(followed);
    reporter.onExpired(channel.id, error);
    this.#own?.lookAgain(channel.id);
  }

  #reportIdle(): void {
    if (this.#isOpen && !this.#replays.isRunning) this.onIdle();
  }

  /** A conversation joined just now has changed for the viewer. */
  #showJoined(id: ConversationId): void {
    const following = this.#followed.get(id);
    const conversation = following?.channel.conversation;
    if (conversation) following.onConversation(conversation, 'CHANGED');
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get isReplaying(): boolean {
    return this.#replays.isRunning;
  }

  get room(): BackPressure {
    return this.#queue;
  }

  get tenant(): TenantId {
    return this.viewer.tenant;
  }

  get selection(): Selection<Event> {
    return this.#options.selection;
  }

  isFollowed(following: FollowedConversation<object>): boolean {
    return this.#followed.includes(following);
  }

  followedIds(): readonly ConversationId[] {
    return this.#followed.keys();
  }

  onIdle(): void {
    this.#options.reporter?.onIdle();
  }

  deliver(event: object): void {
    this.#queue.push(event as Event);
  }

  followed(): Iterable<FollowedConversation<object>> {
    return this.#followed.values();
  }

  find(id: ConversationId): FollowedConversation<object> | undefined {
    return this.#followed.get(id);
  }

  confirm(following: FollowedConversation<object>): Promise<void> {
    return this.#rights.confirm(following);
  }

  onLeftUnannounced(id: ConversationId): void {
    this.#lose(id, null);
  }

  onRefused(ids: readonly ConversationId[]): void {
    const [first] = ids;
    if (this.#options.conversationIds && first !== undefined) return this.#queue.end(noAccess(first));
    for (const id of ids) this.#lose(id, null);
  }

  retry(error: unknown, again: () => void): void {
    const { clock, log } = this.#context;
    if (!isOutage(error)) log.error({ tenant: this.viewer.tenant, err: error }, 'conversation stream failed');
    clock.after(TIMES.retryMs, () => {
      if (this.#isOpen) again();
    });
  }

  /** The viewer is no longer a member: nothing of this conversation follows. */
  #lose(id: ConversationId, why: LeaveReason | null): void {
    const following = this.#followed.get(id);
    if (!following) return;
    this.#followed.leave(following);
    this.#queue.withdraw((event) => conversationIdOf(event) === id);
    this.#options.reporter?.onLeft(id, why);
    // The viewer may have been added again, and that announcement may have come first, on another channel.
    if (this.#own) return this.#own.lookAgain(id);
    if (this.#followed.size === 0) this.#queue.end(noAccess(id));
    else this.#accessEndsOf().report(id);
  }

  #accessEndsOf(): AccessEnds {
    this.#accessEnds ??= new AccessEnds(this.#queue);
    return this.#accessEnds;
  }

  onQueueEnd(): void {
    this.#isOpen = false;
    this.#options.reporter?.close();
    this.#rights.close();
    this.#context.doubts.remove(this.#followCount.user, this.#queue);
    this.#followCount.resize(0);
    void this.#followed.leaveAll();
    this.#own?.close();
  }
}
