/** A stream over conversations: those named, or all of the viewer's. */
import type { Bearer, RenewalListener } from '../../access/bearer.ts';
import { isAdmin } from '../../access/rights.ts';
import { accessTo } from '../../access/seen.ts';
import type { Clock } from '../../clock.ts';
import type { Engine, LeaveReason, Listening } from '../../engine/port.ts';
import { isOutage, positionExpired, type ServiceError } from '../../errors.ts';
import { FewByKey } from '../../few.ts';
import { inParts } from '../../in-parts.ts';
import { TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { ConversationId, ConversationRecord, Position, UserId, Viewer } from '../../model.ts';
import type { ChannelRegistry } from '../channel-registry.ts';
import { EventQueue, type QueueOwner } from '../event-queue.ts';
import type { Followed, Share } from '../followed.ts';
import { HiddenConversations } from '../inbox/hidden-conversations.ts';
import type { ListTeller, ToldStream } from '../inbox/list-teller.ts';
import { type ListReading, OwnList } from '../inbox/own-list.ts';
import type { Room } from '../room.ts';
import { type Doubts, userKey } from '../sessions/doubts.ts';
import { Turns } from '../turns.ts';
import { type CountResume, prepared, type Start } from './beginning.ts';
import { ConversationChannel, type CountHole } from './channel.ts';
import { type Follower, Following, type Selection } from './following.ts';
import { Losses, noAccess, type Told } from './lost.ts';
import type { Merging } from './merging.ts';
import { asServiceError, Replay } from './replay.ts';
import { furthest, isSame, type ResumePoints } from './resume-points.ts';
import type { SharedLog } from './shared-log.ts';

/** Called for each followed conversation, with the position past which its events come, and the reason if that is not the reader's. */
export type OnBegin = (id: ConversationId, position: Position, expiry: ServiceError | null) => void;

export interface ConversationStreamOptions<Event extends object> {
  readonly bearer: Bearer;
  /** Null: all of the viewer's, including those joined later. */
  readonly conversationIds: readonly ConversationId[] | null;
  readonly after: ResumePoints;
  readonly selection: Selection<Event>;
  readonly onBegin?: OnBegin;
  /** Whether a conversation whose position expired begins live; otherwise none begins. */
  readonly isForgiving?: boolean;
  readonly teller?: ListTeller;
}

export interface ConversationStreamContext {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  readonly countHole: CountHole;
  readonly countResume: CountResume;
  readonly merging: Merging;
  readonly channels: ChannelRegistry<ConversationChannel>;
  readonly sharedLog: SharedLog;
  readonly doubts: Doubts;
  readonly followed: Followed;
}

const NONE: readonly ConversationId[] = [];
const NOWHERE: ResumePoints = new Map();

/** An event is a message, a typing, or the conversation itself. */
function conversationIdOf(event: object): unknown {
  return 'conversationId' in event ? event.conversationId : (event as ConversationRecord).id;
}

export class ConversationStream<Event extends object> implements Follower, ToldStream, QueueOwner, RenewalListener {
  readonly #context: ConversationStreamContext;
  #options: ConversationStreamOptions<Event>;
  readonly #following = new FewByKey<ConversationId, Following<Event>>();
  readonly #queue: EventQueue<Told<Event>>;
  /** The destination of the events. */
  readonly #sink: Pick<EventQueue<Told<Event>>, 'push' | 'isCongested' | 'onRoom'>;
  #turns: Turns | null = null;
  readonly #share: Share;
  /** Null: the client named the conversations. */
  readonly #list: OwnList | null;
  /** The same. */
  readonly #hidden: HiddenConversations | null;
  /** Null: none was delivered yet. */
  #losses: Losses | null = null;
  #memberships: Listening | null = null;
  #isOpen = true;
  /** The number of running replays. */
  #replays = 0;
  /** Changes of the set of conversations run one after the other, the start first. */
  #reconciling: Promise<void> | null = null;

  private constructor(context: ConversationStreamContext, options: ConversationStreamOptions<Event>) {
    this.#context = context;
    this.#options = options;
    this.#queue = new EventQueue(this);
    this.#sink = options.teller ? this.#overheard(options.teller) : this.#queue;
    options.teller?.attach(this);
    this.#list = options.conversationIds
      ? null
      : new OwnList(context.engine, options.bearer, options.teller?.listPlace ?? null);
    this.#hidden = options.conversationIds ? null : new HiddenConversations();
    this.#share = context.followed.enter(userKey(options.bearer.viewer));
    context.doubts.enter(this.#share.user, this.#queue);
    options.bearer.listen(this);
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
  ): Promise<EventQueue<Told<Event>>> {
    const stream = new ConversationStream(context, options);
    const started = stream.#start();
    // Until each conversation has its place in the stream, none can be recognised as joined since.
    stream.#reconciling = started.catch(() => undefined);
    try {
      await started;
    } catch (error) {
      stream.#queue.end(null);
      throw error;
    }
    stream.#forgetStart();
    stream.#tellIdle();
    return stream.#queue;
  }

  /** Drops the names and start positions, which are not needed again: a stream stays open for days. */
  #forgetStart(): void {
    const { bearer, selection, teller, conversationIds } = this.#options;
    if (!conversationIds) return;
    this.#reconciling = null;
    const rest = { bearer, conversationIds: NONE, after: NOWHERE, selection };
    this.#options = teller ? { ...rest, teller } : rest;
  }

  async #start(): Promise<void> {
    const { conversationIds, after } = this.#options;
    const viewer = this.#viewer;
    const list = this.#list;
    if (!list) {
      const named = conversationIds ?? NONE;
      this.#claim(named.length);
      return this.#follow(await this.#visible(named), (id) => after.get(id) ?? null);
    }
    this.#memberships = await this.#context.engine.listen(
      { kind: 'memberships', tenant: viewer.tenant, id: viewer.userId },
      {
        onAnnouncement: (announcement) => {
          if (announcement.type !== 'membership') return;
          const { conversationId, hiddenAt } = announcement;
          if (hiddenAt === undefined) this.#lookAgain(conversationId);
          else this.#hide(conversationId, hiddenAt);
        },
        onInterrupted: () => {
          list.doubtAll();
          this.#reconcile();
        },
      },
    );
    const reading = await this.#readList(list);
    const listed = reading.ids;
    // The list may lag behind a change of members that the client has heard of. Positions of conversations
    // that the viewer has left since are skipped with them: they do not fail the others.
    const own = new Set(listed);
    const others = await this.#visible([...after.keys()].filter((id) => !own.has(id)));
    this.#claim(listed.length + others.length);
    await this.#follow([...listed, ...others], (id) => after.get(id) ?? null);
    list.settle(reading);
    this.#options.teller?.onListed();
  }

  /** A stream that ended meanwhile follows nothing. @throws {ServiceError} BAD_USER_INPUT. */
  #claim(count: number): void {
    if (this.#isOpen) this.#share.claim(count);
  }

  async #readList(list: OwnList): Promise<ListReading> {
    const reading = await list.read();
    if (!reading.asked) {
      await this.#hidden?.read(this.#context.engine, this.#viewer);
      this.#hidden?.tellAll(this.#following.values());
    }
    await this.#options.teller?.take(reading);
    return reading;
  }

  #overheard(teller: ListTeller): Pick<EventQueue<Told<Event>>, 'push' | 'isCongested' | 'onRoom'> {
    const queue = this.#queue;
    return {
      push(event) {
        queue.push(event);
        teller.onEvent(event);
      },
      isCongested: () => queue.isCongested(),
      onRoom: (resume) => queue.onRoom(resume),
    };
  }

  /** The conversations that the viewer may see. No channel opens for others, however many are named. */
  async #visible(ids: readonly ConversationId[]): Promise<readonly ConversationId[]> {
    if (this.#seesAll) return ids;
    const { tenant, userId } = this.#viewer;
    const visible = await inParts(ids, async (part) => {
      if (!this.#isOpen) return [];
      const keys = part.map((conversationId) => ({ conversationId, userId }));
      const memberships = await this.#context.engine.readMemberships(tenant, keys);
      return part.filter((_, index) => memberships[index]);
    });
    return this.#isOpen ? visible.flat() : [];
  }

  /** By the present token. */
  get #viewer(): Viewer {
    return this.#options.bearer.viewer;
  }

  /** An admin may name conversations without being a member. Without names they get their own only. */
  get #seesAll(): boolean {
    return this.#options.conversationIds !== null && isAdmin(this.#viewer);
  }

  /** Follows conversations the viewer may see, each from a position or from now on. */
  async #follow(
    ids: readonly ConversationId[],
    after: (id: ConversationId, joined: Position | null) => Position | null,
  ): Promise<void> {
    const joined: Following<Event>[] = [];
    try {
      await inParts(ids, async (part) => {
        const joins = await Promise.allSettled(part.map((id) => this.#join(id)));
        for (const join of joins) if (join.status === 'fulfilled' && join.value) joined.push(join.value);
        const failed = joins.find((join) => join.status === 'rejected');
        if (failed) throw failed.reason;
      });
      await this.#begin(joined, after);
    } catch (error) {
      // All are left, so that the next try follows all of them: following only some would be a silent gap.
      await this.#unfollowAll(joined);
      throw error;
    }
  }

  /** Lets the joined conversations go live, or replay first. Leaves those that the viewer may not see. */
  async #begin(
    joined: readonly Following<Event>[],
    after: (id: ConversationId, joined: Position | null) => Position | null,
  ): Promise<void> {
    const starts = (await inParts(joined, (part) => this.#admit(part, after))).flat();
    const { isForgiving = false } = this.#options;
    const { countResume } = this.#context;
    const ready = await prepared(starts, isForgiving, (following) => this.#unfollow(following), countResume);
    this.#settleLosses(ready);
    // The replay is complete only after all have begun.
    this.#replays += 1;
    await inParts(ready, (part) => {
      for (const start of part) this.#goLive(start);
    });
    this.#replays -= 1;
  }

  /** Reports the named conversations that are not followed: before any other event, and once. @throws {ServiceError} */
  #settleLosses(ready: readonly Start<Event>[]): void {
    const { conversationIds, after } = this.#options;
    // It may have ended meanwhile with its own reason, and released what it followed.
    if (!conversationIds || !this.#isOpen) return;
    try {
      if (this.#following.size < conversationIds.length || this.#losses)
        this.#lossesOf().settle(conversationIds, this.#following, after);
    } catch (error) {
      for (const { replay } of ready) replay?.close();
      throw error;
    }
  }

  /** The conversations that the viewer may see, and their beginnings. */
  async #admit(
    joined: readonly Following<Event>[],
    after: (id: ConversationId, joined: Position | null) => Position | null,
  ): Promise<Start<Event>[]> {
    const { tenant, userId } = this.#viewer;
    // Checked after the channels have joined: the answer has all removals before, and later ones are announced.
    const [memberships, heads] = await Promise.all([
      this.#context.engine.readMemberships(
        tenant,
        joined.map(({ channel }) => ({ conversationId: channel.id, userId })),
      ),
      this.#readHeads(joined),
    ]);
    const { teller } = this.#options;
    const starts: Start<Event>[] = [];
    for (const [index, following] of joined.entries()) {
      const membership = memberships[index] ?? null;
      const { id } = following.channel;
      const access = membership || this.#seesAll ? accessTo(this.#viewer, id, membership) : null;
      if (!following.admit(access, membership)) {
        this.#unfollow(following);
        continue;
      }
      const joinedPosition = membership?.joinedPosition ?? null;
      const resumed = teller ? teller.startOf(id, joinedPosition) : after(id, joinedPosition);
      const { position } = following.channel;
      const from = resumed ?? heads[index] ?? position;
      // Without a change since, there is nothing to read.
      const replay = resumed && !isSame(resumed, position) ? this.#replay(following, resumed) : null;
      starts.push({ following, from, isResumed: resumed !== null, replay, expiry: teller?.expiryOf(id) ?? null });
    }
    return starts;
  }

  #goLive(start: Start<Event>): void {
    const { following, from, expiry } = start;
    if (!this.#isFollowed(following)) return start.replay?.close();
    this.#options.onBegin?.(following.channel.id, from, expiry);
    following.begin(from);
    this.#hidden?.tell(following);
    this.#options.teller?.onBegin(following, expiry);
    if (following.isHidden) return start.replay?.close();
    for (const typing of following.channel.typing.current()) following.onTyping(typing);
    // The channel has moved on since it was at the reader's position.
    const isBehind = start.isResumed && !isSame(from, following.channel.position);
    const replay = start.replay ?? (isBehind ? this.#replay(following, from) : null);
    if (!replay) return following.goLive(from);
    this.#replays += 1;
    void this.#run(following, replay);
  }

  /** The log heads at which streams without a position begin. A channel may still be behind them. */
  async #readHeads(joined: readonly Following<Event>[]): Promise<readonly (Position | null)[]> {
    const { selection, after, teller } = this.#options;
    if (!selection.message) return [];
    const resumes = (id: ConversationId): boolean => (teller ? teller.startOf(id, null) !== null : after.has(id));
    return Promise.all(
      joined.map(({ channel, beganAt }) => (resumes(channel.id) ? null : (beganAt ?? channel.readHead()))),
    );
  }

  async #join(id: ConversationId): Promise<Following<Event> | null> {
    const { engine, clock, log, countHole, merging, channels } = this.#context;
    const { tenant } = this.#viewer;
    const key = this.#key(id);
    let isNew = false;
    const channel = await channels.acquire(key, () => {
      isNew = true;
      return new ConversationChannel({ engine, clock, log, countHole, merging }, tenant, id);
    });
    if (!channel) return null;
    if (this.#options.selection.extension) {
      try {
        await channel.writings.open();
      } catch (error) {
        channels.release(key, channel);
        throw error;
      }
    }
    if (!this.#isOpen || this.#following.has(id)) {
      channels.release(key, channel);
      return null;
    }
    const following = new Following<Event>(channel, this, this.#options.selection, this.#sink, isNew);
    this.#following.set(id, following);
    channel.add(following);
    return following;
  }

  onLeft(following: Following<object>, userIds: readonly UserId[], why: LeaveReason | null): void {
    const { channel } = following;
    if (!this.#isFollowed(following)) return;
    if (userIds.includes(this.#viewer.userId) && !this.#seesAll) this.#lose(channel.id, why);
  }

  #hide(id: ConversationId, sequence: number): void {
    this.#hidden?.hide(id, sequence);
    const following = this.#following.get(id);
    if (following) this.#hidden?.tell(following);
  }

  onShown(shown: Following<object>): void {
    const { id } = shown.channel;
    const following = this.#following.get(id);
    this.#hidden?.show(id);
    if (!following || following !== shown) return;
    this.#options.teller?.onShown(id);
    const { position } = following;
    this.#replays += 1;
    void this.#run(following, this.#replay(following, position));
  }

  onAhead(following: Following<object>): void {
    void this.#confirm(following);
  }

  onLost(following: Following<object>, error: ServiceError): void {
    const { channel } = following;
    const { teller } = this.#options;
    if (channel.isLost) this.#context.channels.discard(this.#key(channel.id), channel);
    // A deleted conversation does not end the others.
    if (error.code === 'NOT_FOUND') return this.#lose(channel.id, 'DELETED');
    if (!teller || error.code !== 'POSITION_EXPIRED') return this.#queue.end(error);
    const followed = this.#following.get(channel.id);
    if (!followed || followed !== following) return;
    this.#unfollow(followed);
    teller.onExpired(channel.id, error);
    this.#lookAgain(channel.id);
  }

  /** Asks the log whether it still knows the last position passed on (G04). */
  async #confirm(following: Following<object>): Promise<void> {
    const { channel, position } = following;
    try {
      const page = await this.#context.engine.readLog(channel.tenant, channel.id, position, 1);
      if (page.outcome === 'expired' && this.#isFollowed(following))
        this.onLost(following, positionExpired(page.reason, { conversationId: channel.id }));
    } catch (error) {
      this.#retry(error, () => void this.#confirm(following));
    }
  }

  #replay(following: Following<Event>, from: Position): Replay {
    const { channel, hidings } = following;
    const isFollowed = (): boolean => this.#isFollowed(following) && following.hidings === hidings;
    this.#turns ??= new Turns();
    return new Replay(this.#context.sharedLog, channel, from, {
      onMessage: (change, message) => {
        if (!isFollowed()) return;
        following.reach(message.position);
        following.take(change, message);
      },
      confirm: () => this.#confirmMember(following),
      room: this.#queue,
      turns: this.#turns,
      isOpen: () => this.#isOpen && isFollowed(),
    });
  }

  async #run(following: Following<Event>, replay: Replay): Promise<void> {
    try {
      await replay.run((cursor) => following.goLive(cursor));
    } catch (error) {
      const known = asServiceError(error);
      if (this.#isFollowed(following) && known.code === 'SERVICE_UNAVAILABLE') {
        // The engine is unavailable. The replay knows its position, and continues there (G14).
        this.#context.clock.after(TIMES.retryMs, () => void this.#run(following, replay));
        return;
      }
      if (this.#isFollowed(following)) this.onLost(following, known);
    }
    this.#replays -= 1;
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.#isOpen && this.#replays === 0) this.#options.teller?.onIdle();
  }

  /** Follows the conversations that the viewer joined since; one run at a time, since each continues the read of the one before. */
  #reconcile(): void {
    this.#reconciling = (this.#reconciling ?? Promise.resolve()).then(async () => {
      if (!this.#isOpen || !this.#list) return;
      const { teller } = this.#options;
      try {
        const reading = await this.#readList(this.#list);
        const fresh = reading.ids.filter((id) => !this.#following.has(id));
        await this.#follow(fresh, (id, joined) => furthest(this.#options.after.get(id), joined));
        this.#list.settle(reading);
        if (this.#isOpen) this.#share.resize(this.#following.size);
        if (teller) teller.onListed();
        else for (const id of fresh) this.#showJoined(id);
        this.#tellIdle();
      } catch (error) {
        if (asServiceError(error).code === 'SERVICE_UNAVAILABLE') {
          this.#context.clock.after(TIMES.retryMs, () => this.#reconcile());
        } else this.#queue.end(asServiceError(error));
      }
    });
  }

  #lookAgain(id: ConversationId): void {
    this.#list?.doubt(id);
    this.#reconcile();
  }

  /** A conversation joined just now has changed for the viewer. */
  #showJoined(id: ConversationId): void {
    const following = this.#following.get(id);
    const conversation = following?.channel.conversation;
    if (conversation) following.onConversation(conversation, 'CHANGED');
  }

  /** Leaves a conversation that the viewer has left. A viewer who was added again has another membership. */
  async #confirmMember(following: Following<object>): Promise<void> {
    if (this.#seesAll) return;
    const { tenant, userId } = this.#viewer;
    const { id } = following.channel;
    const [membership] = await this.#context.engine.readMemberships(tenant, [{ conversationId: id, userId }]);
    if (following.isOf(membership ?? null) || !this.#isFollowed(following)) return;
    this.#lose(id, null);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get isReplaying(): boolean {
    return this.#replays > 0;
  }

  get room(): Room {
    return this.#queue;
  }

  tell(event: object): void {
    this.#queue.push(event as Event);
  }

  followed(): Iterable<Following<object>> {
    return this.#following.values();
  }

  find(id: ConversationId): Following<object> | undefined {
    return this.#following.get(id);
  }

  async confirm(following: Following<object>): Promise<void> {
    try {
      await this.#confirmMember(following);
    } catch (error) {
      await new Promise<void>((resolve) => this.#retry(error, resolve));
      await this.confirm(following);
    }
  }

  get viewerId(): UserId {
    return this.#viewer.userId;
  }

  /** The token was replaced. */
  onRenewed(): void {
    void this.#reauthorise();
  }

  /** Ends the parts that the new token could not open (G17). */
  async #reauthorise(): Promise<void> {
    if (this.#seesAll || !this.#isOpen) return;
    const followed = this.#following.keys();
    try {
      const visible = new Set(await this.#visible(followed));
      // It has ended meanwhile, and follows nothing.
      if (!this.#isOpen) return;
      const lost = followed.filter((id) => !visible.has(id));
      const [first] = lost;
      if (this.#options.conversationIds && first !== undefined) return this.#queue.end(noAccess(first));
      for (const id of lost) this.#lose(id, null);
    } catch (error) {
      this.#retry(error, () => void this.#reauthorise());
    }
  }

  #retry(error: unknown, again: () => void): void {
    const { clock, log } = this.#context;
    if (!isOutage(error)) log.error({ tenant: this.#viewer.tenant, err: error }, 'conversation stream failed');
    clock.after(TIMES.retryMs, () => {
      if (this.#isOpen) again();
    });
  }

  /** The viewer is no longer a member: nothing of this conversation follows. */
  #lose(id: ConversationId, why: LeaveReason | null): void {
    const following = this.#following.get(id);
    if (!following) return;
    following.leave();
    this.#unfollow(following);
    this.#queue.withdraw((event) => conversationIdOf(event) === id);
    this.#options.teller?.onLeft(id, why);
    // The viewer may have been added again, and the announcement of that come first, on another channel.
    if (!this.#options.conversationIds) return this.#lookAgain(id);
    if (this.#following.size === 0) this.#queue.end(noAccess(id));
    else this.#lossesOf().tell(id);
  }

  #lossesOf(): Losses {
    this.#losses ??= new Losses(this.#queue);
    return this.#losses;
  }

  #unfollow(following: Following<Event>): void {
    const { channel } = following;
    // Only once: a second release would close a channel with other listeners.
    if (!this.#isFollowed(following)) return;
    channel.remove(following);
    following.close();
    this.#following.delete(channel.id);
    this.#context.channels.release(this.#key(channel.id), channel);
  }

  onQueueEnd(): void {
    this.#isOpen = false;
    const { teller, bearer } = this.#options;
    teller?.close();
    bearer.unlisten(this);
    this.#context.doubts.leave(this.#share.user, this.#queue);
    this.#share.resize(0);
    void this.#unfollowAll(this.#following.values());
    this.#memberships?.close().catch((error: unknown) => this.#context.log.warn({ err: error }, 'stream not closed'));
  }

  async #unfollowAll(followed: readonly Following<Event>[]): Promise<void> {
    await inParts(followed, (part) => {
      for (const following of part) this.#unfollow(following);
    });
  }

  /** Compares the object, not the id: after leaving and joining again the id names another membership. */
  #isFollowed(following: Following<object>): boolean {
    return this.#following.get(following.channel.id) === following;
  }

  #key(id: ConversationId): string {
    return JSON.stringify([this.#viewer.tenant, id]);
  }
}
