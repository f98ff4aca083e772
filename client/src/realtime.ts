/** The client: composes all parts. */
import { Connection, type Phase } from './connection.ts';
import { deviceIdOf, signInOf } from './device.ts';
import { SET_PRESENCE, VIEWER } from './documents.ts';
import { Disconnected, unconnected } from './errors.ts';
import type { InboxEvent } from './events.ts';
import { type Inbox, inboxOf, listOf } from './inbox.ts';
import { forget, keep, restore } from './keeping.ts';
import type { Link, Variables } from './link.ts';
import { follow, type LiveOptions } from './live.ts';
import { hasSockets, type RealtimeOptions } from './options.ts';
import { Outbox } from './outbox.ts';
import { Pages, type Request } from './pages.ts';
import { Positions } from './positions.ts';
import { PresenceWatch } from './presence.ts';
import { Cell, notify, State, until } from './readable.ts';
import { Reads } from './reads.ts';
import { Room } from './room.ts';
import { sendingTo } from './sending.ts';
import type { SignIn } from './sign-in.ts';
import { memoryStorage } from './storage/memory.ts';
import { Store } from './store/store.ts';
import type { StopListeners } from './streams.ts';
import { claimsOf } from './token.ts';
import type { InboxList, Presence, Readable, Reset, Status, Storage, UnsentMessage } from './types.ts';
import { OwnTyping, TypingUsers } from './typing.ts';

const isOpen = (status: Status): boolean => status === 'live' || status === 'catching-up';

export class Realtime {
  declare readonly status: Readable<Status>;
  declare readonly inbox: Inbox;
  /** The messages of all conversations that are not sent yet, failed ones included. */
  declare readonly outbox: Readable<readonly UnsentMessage[]>;

  /** Connects. Subscribing to any value does so, too, also after `signed-out`. Throws if that can never succeed. */
  readonly connect = (): void => {
    if (this.#isClosed) return;
    if (this.#options.transport === 'websocket' && !hasSockets(this.#options))
      throw new Error('No WebSocket: pass `webSocket`.');
    this.#isWanted = true;
    this.#connection?.start();
    this.#creating ??= this.#deviceId().then((deviceId) => {
      this.#connection = this.#connectionOf(deviceId);
      if (this.#isWanted) this.#connection.start();
    });
  };

  /** Runs one operation of the app; connects first if needed. Rejects with `RequestError` or `Disconnected`. */
  readonly request: Request = async <Data>(query: string, variables?: Variables): Promise<Data> => {
    await until(this.#status, (status) => status !== 'connecting');
    return this.#request<Data>(query, variables);
  };

  readonly #options: RealtimeOptions;
  readonly #storage: Storage;
  readonly #status = new State<Status>('connecting', this.connect);
  readonly #list = new Cell<InboxList>(() => listOf(this.#store, this.#pages), this.connect);
  readonly #store: Store;
  readonly #pages: Pages;
  readonly #positions = new Positions();
  readonly #outbox: Outbox;
  readonly #request: Request = (query, variables) =>
    this.#connection?.request(query, variables) ?? Promise.reject(unconnected());
  readonly #reads = new Reads(this.#request);
  readonly #typing = new TypingUsers((id) => this.#rooms.get(id)?.typed());
  readonly #ownTyping = new OwnTyping(this.#request);
  readonly #presence = new PresenceWatch(this.connect);
  readonly #stops: StopListeners = new Map();
  readonly #live: LiveOptions;
  readonly #rooms = new Map<string, Room>();
  readonly #onReset = new Set<(reset: Reset) => void>();
  readonly #signIn: SignIn;
  readonly #deviceId: () => Promise<string>;
  #creating: Promise<void> | null = null;
  #leaving: Promise<unknown> | null = null;
  /** The last known user, perhaps signed out. */
  #user: string | null = null;
  #error: unknown = null;
  #connection: Connection | null = null;
  #isWanted = false;
  #isClosed = false;

  constructor(options: RealtimeOptions) {
    this.#options = options;
    this.#storage = options.storage ?? memoryStorage();
    const deviceId = deviceIdOf(options.deviceId, this.#storage);
    const onChange = (id: string): void => this.#rooms.get(id)?.changed();
    const outbox = new Cell<readonly UnsentMessage[]>(() => this.#outbox.of(), this.connect);
    this.outbox = outbox;
    this.#store = new Store({
      onChange,
      onListChange: () => this.#list.changed(),
      onUnknown: () => this.#readList(),
      onGap: (id) => {
        this.#store.reset(id);
        this.#reset(id, 'DIVERGED');
      },
    });
    this.#pages = new Pages({
      store: this.#store,
      request: this.#request,
      isOpen: () => isOpen(this.#status.value),
      untilOpen: () => this.#until(isOpen),
      onChange: (key) => {
        const room = this.#rooms.get(key);
        if (room) room.changed();
        else this.#list.changed();
      },
    });
    this.#outbox = new Outbox({
      storage: this.#storage,
      send: sendingTo(this.#store, this.#request),
      onChange: (id) => {
        onChange(id);
        outbox.changed();
      },
    });
    this.#live = {
      positions: this.#positions,
      onEvent: (event) => this.#take(event),
      onLive: (link) => void this.#begin(link),
      onLost: (reason) => this.#lose(reason),
    };
    this.#signIn = signInOf(options, this.#storage, deviceId);
    this.#deviceId = deviceId;
    this.status = this.#status;
    this.inbox = inboxOf(this.#list, () => this.#pages.more());
  }

  /** The id of the caller, once it is known. */
  get userId(): string | null {
    return this.#store.viewerId;
  }

  /** The number of messages in `outbox`. */
  get unsent(): number {
    return this.outbox.value.length;
  }

  /**
   * Why the client is offline or signed out: the error of `getToken` or of the connection. Null: it is neither, or the
   * reason is unknown.
   */
  get error(): unknown {
    return this.#error;
  }

  /** `status`: the connection's state, now and at each change. `reset`: an app's own store must read data again. */
  on(event: 'status', listener: (status: Status) => void): () => void;
  on(event: 'reset', listener: (reset: Reset) => void): () => void;
  on(...[event, listener]: ['status', (status: Status) => void] | ['reset', (reset: Reset) => void]): () => void {
    if (event === 'status') {
      const report = (): void => listener(this.#status.value);
      queueMicrotask(report);
      return this.#status.subscribe(report);
    }
    this.#onReset.add(listener);
    this.connect();
    return () => void this.#onReset.delete(listener);
  }

  /** The conversation with this id, whether it exists or not: the same object each time. */
  conversation(id: string): Room {
    const known = this.#rooms.get(id);
    if (known) return known;
    const room = new Room(id, {
      store: this.#store,
      pages: this.#pages,
      outbox: this.#outbox,
      reads: this.#reads,
      typing: this.#typing,
      ownTyping: this.#ownTyping,
      request: this.request,
      connect: this.connect,
      untilLive: () => this.#until((status) => status === 'live'),
      stops: this.#stops,
    });
    this.#rooms.set(id, room);
    return room;
  }

  /** The presence of a user; null until it is known. Watched while there is a subscriber. */
  presence(userId: string): Readable<Presence | null> {
    return this.#presence.of(userId);
  }

  /** Rejects with a `RequestError`, or with `Disconnected`. */
  async setPresence(status: Presence['status'], statusText: string | null = null): Promise<void> {
    await this.request(SET_PRESENCE, { status, statusText });
  }

  /**
   * Ends the session, if there is one, and deletes all data of the user on this device, unsent messages included. A
   * session that the service could not be told of is ended later, also by a later start. Rejects if anything stays.
   */
  async signOut(): Promise<void> {
    this.#isWanted = false;
    this.#error = null;
    this.#connection?.stop();
    const forgetting = forget(this.#storage, this.#user ?? this.#signIn.owner?.());
    // Before listeners hear of it: they may connect.
    this.#leaving = forgetting.catch(() => undefined);
    this.#forgetAll();
    this.#phase('signed-out');
    await this.#signIn.signOut().finally(() => forgetting);
  }

  /** Closes the client for good. The outbox stays in storage. */
  close(): void {
    this.#isClosed = true;
    this.#isWanted = false;
    this.#connection?.stop(true);
    this.#signIn.close?.();
    this.#phase('offline');
    // It may have been offline, and somebody may wait.
    this.#status.changed();
    this.#pages.stop();
    this.#typing.clear();
  }

  /** Rejects once the client is closed. */
  async #until(isSo: (status: Status) => boolean): Promise<void> {
    await until(this.#status, (status) => isSo(status) || this.#isClosed);
    if (this.#isClosed) throw new Disconnected();
  }

  #connectionOf(deviceId: string): Connection {
    return new Connection({
      ...this.#options,
      deviceId,
      signIn: this.#signIn,
      leaving: () => this.#leaving,
      onToken: (token) => this.#isOf(claimsOf(token).userId),
      onLink: (link) => void this.#carry(link),
      onPhase: (phase, error = null) => {
        if (phase !== 'connecting') this.#error = error;
        // Perhaps another tab has signed out.
        if (phase === 'signed-out' && this.userId) this.#forgetAll();
        this.#phase(phase);
      },
    });
  }

  #phase(phase: Phase): void {
    this.#outbox.live(false);
    this.#reads.live(false);
    this.#presence.on(null);
    if (phase === 'offline') this.#presence.clear();
    this.#status.set(phase);
  }

  /** Another user sees no data of the previous one. */
  async #isOf(userId: string | null | undefined): Promise<void> {
    if (!userId || userId === this.#store.viewerId) return;
    if (this.#store.viewerId) this.#forgetAll();
    this.#store.viewerId = this.#user = userId;
    await Promise.all([restore(this.#storage, userId, this.#store, this.#positions), this.#outbox.as(userId)]);
  }

  async #carry(link: Link): Promise<void> {
    try {
      // The token does not name its user, so the service is asked.
      if (!this.#store.viewerId) await this.#isOf((await link.request<{ viewer: { id: string } }>(VIEWER)).viewer.id);
      if (link.isOver) return;
      follow(link, this.#live);
      this.#presence.on(link);
    } catch {
      link.cut();
    }
  }

  /** All missed events have arrived. Reads state that events do not contain. */
  async #begin(link: Link): Promise<void> {
    if (!this.#pages.isListed) await this.#pages.list(this.inbox.entries.length);
    if (link.isOver) return;
    this.#keep();
    this.#connection?.settled();
    this.#status.set('live');
    this.#outbox.live(true);
    this.#reads.live(true);
    for (const room of this.#rooms.values()) room.refresh();
  }

  #take(event: InboxEvent): void {
    this.#store.apply(event);
    switch (event.__typename) {
      case 'MessageSent':
        if (event.message.senderId === this.#store.viewerId) this.#outbox.sent(event.message);
        return this.#typing.set(event.message.conversationId, event.message.senderId, false);
      case 'TypingChanged':
        return this.#typing.set(event.typing.conversationId, event.typing.userId, event.typing.isTyping);
      case 'ConversationJoined':
        return this.#rooms.get(event.conversation.id)?.refresh();
      case 'MessageStopRequested':
        return this.#stops.get(event.message.id)?.();
      case 'ConversationReset':
        return this.#reset(event.conversationId, event.reset);
      case 'Checkpoint':
        this.#keep();
    }
  }

  #keep(): void {
    const { last } = this.#positions;
    if (last !== null && this.#pages.isListed) void keep(this.#storage, last, this.#store);
  }

  /** The shown state of a conversation cannot be resumed: it is read again. */
  #reset(conversationId: string, reason: string): void {
    notify(this.#onReset, { conversationId, reason });
    this.#readList();
    this.#rooms.get(conversationId)?.refresh();
  }

  #lose(reason: string): void {
    this.#status.set('catching-up');
    this.#pages.isListed = false;
    this.#store.clear();
    notify(this.#onReset, { conversationId: null, reason });
  }

  #forgetAll(): void {
    this.#pages.isListed = false;
    this.#positions.restart(null);
    this.#reads.clear();
    this.#typing.clear();
    this.#outbox.leave();
    this.#presence.clear();
    this.#store.viewerId = null;
    this.#store.clear();
  }

  #readList(): void {
    if (this.#status.value === 'live') void this.#pages.list(this.inbox.entries.length);
    else this.#pages.isListed = false;
  }
}

/** Creates a client. It connects when an app first subscribes to one of its values. */
export const createRealtime = (options: RealtimeOptions): Realtime => new Realtime(options);
