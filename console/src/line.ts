/** One person's connection as the page sees it: sent and received frames, and a switch that cuts it. */

export interface Frame {
  readonly id: number;
  readonly at: number;
  readonly socket: number;
  readonly direction: 'sent' | 'received' | 'note';
  readonly text: string;
}

export interface SocketInfo {
  readonly id: number;
  readonly openedAt: number;
  readonly closedAt: number | null;
  readonly code: number | null;
}

/** The events between the opening of a connection and the moment when it is live. */
export interface Recovery {
  readonly messageIds: readonly string[];
  readonly events: number;
  readonly ms: number;
}

export interface Positions {
  /** The `after` of the last subscription; null: it began without positions. */
  readonly resumedAt: readonly string[] | null;
  readonly checkpoint: string | null;
  /** The position of the latest message since the checkpoint, by conversation. */
  readonly since: Readonly<Record<string, string>>;
}

export interface LineState {
  readonly isCut: boolean;
  readonly frames: readonly Frame[];
  readonly sockets: readonly SocketInfo[];
  readonly positions: Positions;
  readonly recovery: Recovery | null;
}

const MOST_FRAMES = 200;
const MOST_SOCKETS = 12;
const NOTHING_YET: Positions = { resumedAt: null, checkpoint: null, since: {} };

interface InboxEvent {
  readonly __typename: string;
  readonly message?: { readonly id: string; readonly conversationId: string; readonly position?: string };
  readonly position?: string;
  readonly isLive?: boolean;
}
interface Message {
  readonly type?: string;
  readonly payload?: {
    readonly query?: string;
    readonly variables?: { readonly after?: readonly string[] | null };
    readonly data?: { readonly inbox?: InboxEvent } | null;
  };
}

const read = (text: string): Message => {
  try {
    return JSON.parse(text) as Message;
  } catch {
    return {};
  }
};

export class Line {
  /** The class of the client's sockets. */
  readonly WebSocket: typeof WebSocket;
  readonly #listeners = new Set<() => void>();
  readonly #open = new Map<WebSocket, number>();
  #state: LineState = { isCut: false, frames: [], sockets: [], positions: NOTHING_YET, recovery: null };
  #count = 0;
  #frames = 0;
  /** A reload also resumes, but nothing was cut. */
  #wasLive = false;
  /** Not null while missed events arrive. */
  #catchingUp: { readonly since: number; readonly messageIds: string[]; events: number } | null = null;

  constructor() {
    const line = this;
    this.WebSocket = class extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols);
        line.#began(this);
      }

      override send(data: string): void {
        line.#sent(this, data);
        super.send(data);
      }
    };
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };
  readonly value = (): LineState => this.#state;

  /** While it is cut, every socket is closed, and none can be opened. */
  cut(isCut: boolean): void {
    this.#set({ isCut, ...(isCut ? { recovery: null } : {}) });
    if (isCut) for (const socket of this.#open.keys()) socket.close();
    // As a browser does when its network returns, so that the client reconnects at once.
    else window.dispatchEvent(new Event('online'));
  }

  #began(socket: WebSocket): void {
    if (this.#state.isCut) return socket.close();
    this.#count += 1;
    const id = this.#count;
    this.#open.set(socket, id);
    const info = { id, openedAt: Date.now(), closedAt: null, code: null };
    this.#set({ sockets: [info, ...this.#state.sockets].slice(0, MOST_SOCKETS) });
    socket.addEventListener('message', ({ data }) => this.#received(id, String(data)));
    socket.addEventListener('close', ({ code }) => {
      this.#open.delete(socket);
      const end = (one: SocketInfo): SocketInfo => (one.id === id ? { ...one, closedAt: Date.now(), code } : one);
      this.#set({ sockets: this.#state.sockets.map(end) });
      this.#add(id, 'note', `closed with ${code}`);
    });
  }

  #sent(socket: WebSocket, text: string): void {
    const id = this.#open.get(socket) ?? this.#count;
    // Do not show tokens in the list of frames.
    const shown = text.includes('"connection_init"') ? text.replace(/"token":"[^"]*"/, '"token":"…"') : text;
    this.#add(id, 'sent', shown);
    const { type, payload } = read(text);
    if (type !== 'subscribe' || !payload?.query?.includes('inbox(after')) return;
    const after = payload.variables?.after ?? null;
    this.#catchingUp =
      after === null || !this.#wasLive ? null : { since: performance.now(), messageIds: [], events: 0 };
    this.#set({ positions: { ...this.#state.positions, resumedAt: after } });
  }

  #received(id: number, text: string): void {
    this.#add(id, 'received', text);
    const event = read(text).payload?.data?.inbox;
    if (event) this.#told(event);
  }

  #told(event: InboxEvent): void {
    const { positions } = this.#state;
    if (event.__typename === 'Checkpoint') {
      this.#set({ positions: { ...positions, checkpoint: event.position ?? null, since: {} } });
      const done = this.#catchingUp;
      this.#wasLive ||= event.isLive === true;
      if (!event.isLive || !done) return;
      this.#catchingUp = null;
      if (done.events === 0) return;
      const ms = performance.now() - done.since;
      this.#set({ recovery: { messageIds: done.messageIds, events: done.events, ms } });
      return;
    }
    const { message } = event;
    if (this.#catchingUp) {
      this.#catchingUp.events += 1;
      if (event.__typename === 'MessageSent' && message) this.#catchingUp.messageIds.push(message.id);
    }
    if (message?.position) {
      const since = { ...positions.since, [message.conversationId]: message.position };
      this.#set({ positions: { ...positions, since } });
    }
  }

  #add(socket: number, direction: Frame['direction'], text: string): void {
    this.#frames += 1;
    const frame = { id: this.#frames, at: Date.now(), socket, direction, text };
    this.#set({ frames: [frame, ...this.#state.frames].slice(0, MOST_FRAMES) });
  }

  #set(change: Partial<LineState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of [...this.#listeners]) listener();
  }
}
