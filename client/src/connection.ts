/** The connection: one socket after another, for as long as it is wanted. */
import { BackOff } from './back-off.ts';
import { afterEnd, END, type End } from './closes.ts';
import { Disconnected } from './errors.ts';
import { isOnline, watchHost } from './host.ts';
import type { SignIn, TokenReason } from './sign-in.ts';
import { Socket, type Variables } from './socket.ts';

export interface ConnectionOptions {
  readonly url: string;
  readonly deviceId: string;
  readonly signIn: SignIn;
  readonly webSocket: unknown;
  /** A token is known, and by it whose it is; then a socket that has taken it. Answers when what it carries is live. */
  readonly onToken: (token: string) => Promise<void>;
  readonly onSocket: (socket: Socket, token: string) => void;
  readonly onPhase: (phase: Phase) => void;
}

export type Phase = 'connecting' | 'open' | 'waiting' | 'signed-out';

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #backOff = new BackOff();
  #socket: Socket | null = null;
  #isWanted = false;
  #isRunning = false;
  #wake: (() => void) | null = null;
  #unwatch: (() => void) | null = null;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Connects, and again after `signed-out`. */
  start(): void {
    this.#isWanted = true;
    this.#unwatch ??= watchHost(() => this.#look());
    if (!this.#isRunning) void this.#run();
  }

  stop(): void {
    this.#isWanted = false;
    this.#unwatch?.();
    this.#unwatch = null;
    this.#socket?.cut({ code: END.stopped });
    this.#wake?.();
  }

  /** A stream of the connection is live: the next failure counts as the first again. */
  settled(): void {
    this.#backOff.reset();
  }

  /** Ends the socket of the moment; the next follows. */
  cut(end: End): void {
    this.#socket?.cut(end);
  }

  request<Data>(query: string, variables?: Variables): Promise<Data> {
    const socket = this.#socket;
    return socket ? socket.request<Data>(query, variables) : Promise.reject(new Disconnected());
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    let reason: TokenReason | null = 'first';
    while (this.#isWanted && reason) reason = await this.#once(reason);
    this.#isRunning = false;
    if (this.#isWanted) this.#options.onPhase('signed-out');
  }

  /** One socket from its token to its end. Answers why the next token is asked for; null: nobody is signed in. */
  async #once(reason: TokenReason): Promise<TokenReason | null> {
    const { signIn, onPhase, onToken } = this.#options;
    onPhase('connecting');
    let end: End;
    try {
      const token = await signIn.token(reason);
      if (token === null) return null;
      await onToken(token);
      if (!this.#isWanted) return 'again';
      end = await this.#carry(token);
    } catch {
      // Whether anybody is signed in is not known now; what is said of the last token still holds.
      await this.#rest({ code: END.lost });
      return reason;
    }
    const next = afterEnd(end);
    // A token that has just been refused is refused again; one whose time is over may be followed by another at once.
    if (next === 'expired' && reason !== 'expired') return 'expired';
    if (next === 'refused') return reason === 'refused' ? null : 'refused';
    await this.#rest(end);
    return next === 'expired' ? 'expired' : 'again';
  }

  async #carry(token: string): Promise<End> {
    const { url, deviceId, webSocket, signIn, onSocket, onPhase } = this.#options;
    const socket = new Socket({ url, params: { token, deviceId }, webSocket });
    this.#socket = socket;
    let unattend: (() => void) | null = null;
    socket.ready.then(
      () => {
        unattend = signIn.attend(socket);
        onPhase('open');
        onSocket(socket, token);
      },
      () => undefined,
    );
    const end = await socket.over;
    (unattend as (() => void) | null)?.();
    this.#socket = null;
    return end;
  }

  async #rest(end: End): Promise<void> {
    if (!this.#isWanted) return;
    this.#options.onPhase('waiting');
    const ms = this.#backOff.next({ atLeastMs: end.retryAfterMs ?? 0, isSlow: afterEnd(end) === 'slowly' });
    await new Promise<void>((resolve) => {
      // A place that says it is offline says when it no longer is; it is tried all the same, since some are wrong.
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = null;
  }

  #look(): void {
    this.#socket?.check();
    if (isOnline()) this.#wake?.();
  }
}
