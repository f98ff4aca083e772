/** The connection: one socket after another, for as long as it is wanted. */
import { BackOff } from './back-off.ts';
import { afterEnd, END, type End } from './closes.ts';
import { Overdue, unconnected } from './errors.ts';
import { EventStreams } from './event-streams.ts';
import { isOnline, watchHost } from './host.ts';
import { askOver } from './http.ts';
import type { Link, Variables } from './link.ts';
import { hasSockets, httpUrlOf, type RealtimeOptions, socketUrlOf } from './options.ts';
import { isRepeatable } from './repeatable.ts';
import type { SignIn, TokenReason } from './sign-in.ts';
import { Socket } from './socket.ts';
import { type Transport, Transports } from './transports.ts';

const ANSWER_WITHIN_MS = 10_000;

export interface ConnectionOptions extends Pick<RealtimeOptions, 'url' | 'webSocket' | 'transport' | 'answerWithinMs'> {
  readonly deviceId: string;
  readonly signIn: SignIn;
  /** A token is known, and by it whose it is; then a connection that has taken it. Answers when what it carries is live. */
  readonly onToken: (token: string) => Promise<void>;
  readonly onLink: (link: Link) => void;
  /** `error`: why it waits, as far as that is known. */
  readonly onPhase: (phase: Phase, error?: unknown) => void;
}

export type Phase = 'connecting' | 'open' | 'waiting' | 'signed-out';

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #backOff = new BackOff();
  readonly #transports: Transports;
  #link: Link | null = null;
  /** Its socket has not answered in time, and HTTP has. */
  #isMute = false;
  #isWanted = false;
  #isRunning = false;
  #wake: (() => void) | null = null;
  #unwatch: (() => void) | null = null;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#transports = new Transports(hasSockets(options) ? options.transport : 'sse');
  }

  /** Connects, and again after `signed-out`. */
  start(): void {
    this.#isWanted = true;
    this.#unwatch ??= watchHost((isChanged) => this.#look(isChanged));
    if (!this.#isRunning) void this.#run();
  }

  stop(): void {
    this.#isWanted = false;
    this.#unwatch?.();
    this.#unwatch = null;
    this.#link?.cut({ code: END.stopped });
    this.#wake?.();
  }

  /** A stream of the connection is live: the next failure counts as the first again. */
  settled(): void {
    this.#backOff.reset();
  }

  /** Ends the connection of the moment; the next follows. */
  cut(end: End): void {
    this.#link?.cut(end);
  }

  /** A socket that does not answer, though it may be alive, is given up for HTTP; what is safe to repeat is asked there. */
  async request<Data>(query: string, variables: Variables = {}): Promise<Data> {
    const link = this.#link;
    if (!link) throw unconnected();
    const ask = (): Promise<Data> => {
      const { url, signIn } = this.#options;
      return askOver(httpUrlOf(url))<Data>(query, variables, signIn.last);
    };
    if (this.#isMute) return ask();
    try {
      return await link.request<Data>(query, variables);
    } catch (error) {
      if (!(error instanceof Overdue)) throw error;
      link.check();
      if (!isRepeatable(query)) throw error;
      const data = await ask();
      this.#isMute = link === this.#link;
      return data;
    }
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    let reason: TokenReason | null = 'first';
    while (this.#isWanted && reason) reason = await this.#once(reason);
    this.#isRunning = false;
    if (this.#isWanted) this.#options.onPhase('signed-out');
  }

  /** One connection from its token to its end. Answers why the next token is asked for; null: nobody is signed in. */
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
    } catch (error) {
      // Whether anybody is signed in is not known now; what is said of the last token still holds.
      await this.#rest({ code: END.lost }, error);
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
    const { signIn, onLink, onPhase } = this.#options;
    const transport = this.#transports.next;
    const link = this.#open(transport, token);
    this.#link = link;
    this.#isMute = false;
    let unattend: (() => void) | null = null;
    link.ready.then(
      () => {
        unattend = signIn.attend(link);
        onPhase('open');
        onLink(link);
      },
      () => undefined,
    );
    const end = await link.over;
    (unattend as (() => void) | null)?.();
    const isSaid = end.code !== END.lost && end.code !== END.terminated;
    if (this.#isWanted) this.#transports.ended(transport, unattend !== null, isSaid);
    this.#link = null;
    return end;
  }

  #open(transport: Transport, token: string): Link {
    const { url, deviceId, webSocket, answerWithinMs = ANSWER_WITHIN_MS } = this.#options;
    if (transport === 'sse') return new EventStreams({ url: httpUrlOf(url), token });
    return new Socket({ url: socketUrlOf(url), params: { token, deviceId }, webSocket, answerWithinMs });
  }

  async #rest(end: End, error?: unknown): Promise<void> {
    if (!this.#isWanted) return;
    this.#options.onPhase('waiting', error);
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

  #look(isChanged: boolean): void {
    if (isChanged) this.#transports.forget();
    this.#link?.check();
    if (isOnline()) this.#wake?.();
  }
}
