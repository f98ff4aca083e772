/** The connection: opens one link after another while it is wanted. */

import { BackOff } from './back-off.ts';
import { afterEnd, type End, endOf, LOST, REFUSED, STOPPED } from './closes.ts';
import { Overdue, unconnected } from './errors.ts';
import { EventStreams } from './event-streams.ts';
import { isOnline, watchHost } from './host.ts';
import { askOver } from './http.ts';
import type { Link, Variables } from './link.ts';
import { hasSockets, httpUrlOf, type RealtimeOptions, socketUrlOf } from './options.ts';
import { Pauses } from './pauses.ts';
import { isRepeatable } from './repeatable.ts';
import type { SignIn, TokenReason } from './sign-in.ts';
import { Socket } from './socket.ts';
import { type Transport, Transports } from './transports.ts';
import type { Status } from './types.ts';
import { ANSWER_WITHIN_MS } from './waits.ts';

export interface ConnectionOptions extends Pick<RealtimeOptions, 'url' | 'webSocket' | 'transport' | 'answerWithinMs'> {
  readonly deviceId: string;
  readonly signIn: SignIn;
  /** The sign-out that runs, if any: no sign-in begins before its end. */
  readonly leaving: () => Promise<unknown> | null;
  /** Called with each new token, which identifies the user, before it is used. */
  readonly onToken: (token: string) => Promise<void>;
  readonly onLink: (link: Link) => void;
  /** `error`: why it waits, if known. */
  readonly onPhase: (phase: Phase, error?: unknown) => void;
}

/** The part of the status that the connection knows. Whether it is live is known to the inbox. */
export type Phase = Exclude<Status, 'live'>;

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #backOff = new BackOff();
  readonly #transports: Transports;
  #link: Link | null = null;
  /** The last known reason why there is no connection. */
  #fault: unknown = null;
  /** The socket did not answer in time, but HTTP did. */
  #isMute = false;
  #isWanted = false;
  #isRunning = false;
  readonly #rests = new Pauses();
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

  /** `isForGood`: a token that is on its way still says whose the unsent messages are. */
  stop(isForGood = false): void {
    this.#isWanted = false;
    this.#unwatch?.();
    if (!isForGood) this.#unwatch = null;
    this.#link?.cut({ code: STOPPED });
    this.#rests.end();
  }

  /** A stream of the connection is live: resets the back-off. */
  settled(): void {
    this.#backOff.reset();
  }

  /** If the socket does not answer, the client switches to HTTP and repeats the request there if that is safe. */
  async request<Data>(query: string, variables: Variables = {}): Promise<Data> {
    const link = this.#link;
    if (!link) throw unconnected();
    const ask = (): Promise<Data> => {
      const { url, signIn } = this.#options;
      return askOver(url)<Data>(query, variables, signIn.last);
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
    if (this.#isWanted) this.#options.onPhase('signed-out', this.#fault);
  }

  /** One link, from its token to its end. Returns the reason for requesting the next token; null: signed out. */
  async #once(reason: TokenReason): Promise<TokenReason | null> {
    const { signIn, leaving, onPhase, onToken } = this.#options;
    const started = this.#unwatch;
    // Stopped meanwhile, and perhaps started again for another user.
    const isOld = (): boolean => this.#unwatch !== started;
    let end: End;
    onPhase('connecting');
    try {
      await leaving();
      if (isOld()) return 'first';
      const token = await signIn.token(reason);
      if (isOld()) return 'first';
      if (token === null) {
        if (reason !== 'refused') this.#fault = null;
        return null;
      }
      await onToken(token);
      if (isOld()) return 'first';
      end = await this.#carry(token);
    } catch (error) {
      if (isOld()) return 'first';
      if (endOf(error).code === REFUSED) {
        this.#fault = error;
        return null;
      }
      // It is unknown now whether the user is signed in, so the reason for the last token stays.
      await this.#rest({ code: LOST }, error);
      return reason;
    }
    const next = afterEnd(end);
    // A token that was just refused would be refused again; an expired one can be replaced at once.
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
    let isOpened = false;
    link.ready.then(
      () => {
        isOpened = true;
        signIn.attend?.(link);
        this.#fault = null;
        onPhase('catching-up');
        onLink(link);
      },
      () => undefined,
    );
    const end = await link.over;
    if (this.#isWanted) this.#transports.ended(transport, isOpened, end.code !== LOST);
    this.#link = null;
    this.#fault = end.error || this.#fault;
    return end;
  }

  #open(transport: Transport, token: string): Link {
    const { url, deviceId, webSocket, answerWithinMs = ANSWER_WITHIN_MS } = this.#options;
    if (transport === 'sse') return new EventStreams({ url: httpUrlOf(url), token });
    return new Socket({ url: socketUrlOf(url), params: { token, deviceId }, webSocket, answerWithinMs });
  }

  async #rest(end: End, error = this.#fault): Promise<void> {
    if (!this.#isWanted) return;
    this.#options.onPhase('offline', error);
    const ms = this.#backOff.next(end.retryAfterMs, afterEnd(end) === 'slowly');
    // A host that reports being offline also reports coming online. The pause ends by itself all the same, since some
    // hosts are wrong.
    await this.#rests.of(ms);
  }

  #look(isChanged: boolean): void {
    if (isChanged) {
      this.#transports.forget();
      this.#fault = null;
    }
    this.#link?.check();
    if (isOnline()) this.#rests.end();
  }
}
