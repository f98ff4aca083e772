/** Signs in by a session of the service: created once with a token of the platform, then refreshed while it lasts. */

import { BackOff } from './back-off.ts';
import { CREATE_SESSION, REFRESH_SESSION, REVOKE_SESSION } from './documents.ts';
import { isPassing, isUnauthenticated } from './errors.ts';
import { exclusively } from './host.ts';
import type { Ask } from './http.ts';
import type { Link } from './link.ts';
import { Soon } from './pauses.ts';
import type { GetToken, SignIn, TokenReason } from './sign-in.ts';
import { claimsOf } from './token.ts';
import type { Storage } from './types.ts';
import { LONGEST_TIMER_MS, REFRESH_AGAIN_MS, REFRESH_AT } from './waits.ts';

interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly session: { readonly id: string };
}

export interface SessionOptions {
  readonly getToken: GetToken;
  readonly storage: Storage;
  readonly ask: Ask;
  readonly deviceId: () => Promise<string>;
  readonly deviceName: string | undefined;
}

const KEY = 'session';
/** The keys of sessions that are to be ended. The client never signs in by these. */
const ENDED = 'ended/';

export class SessionSignIn implements SignIn {
  readonly #options: SessionOptions;
  /** Tokens that storage did not take: only this tab has them. */
  #own: Tokens | null = null;
  /** As the entries of `ended/`, which storage did not take: only this tab has them. */
  readonly #left = new Map<string, Tokens>();
  readonly #backOff = new BackOff();
  readonly #soon = new Soon(() => void this.#endAll());
  #isClosed = false;
  last: string | null = null;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  token(reason: TokenReason): Promise<string | null> {
    this.#soon.plan(0);
    return exclusively(KEY, async () => {
      let fault: unknown;
      const kept = await this.#kept().catch((error: unknown) => {
        fault = error;
      });
      const isSpent = reason === 'expired' || reason === 'refused';
      const tokens = kept && isSpent && kept.accessToken === this.last ? await this.#refreshed(kept) : kept;
      const current = tokens ?? (await this.#begin(reason));
      // There may be a session.
      if (!current && fault) throw fault;
      this.last = current?.accessToken ?? null;
      return this.last;
    });
  }

  /** Refreshes the token over the connection before it expires, so that the connection stays open. */
  attend(link: Link): void {
    // HTTP responses end with their token, and the next ones use the next token.
    if (link.isHttp) return;
    const plan = (ms: number): void => {
      if (!link.isOver) soon.plan(Math.min(ms, LONGEST_TIMER_MS));
    };
    const next = (): void => {
      const lifetimeMs = claimsOf(this.last).lifetimeMs;
      if (lifetimeMs) plan(lifetimeMs * REFRESH_AT * (1 - Math.random() / 10));
    };
    const soon = new Soon(() => void this.#renew(link).then(next, () => plan(REFRESH_AGAIN_MS)));
    void link.over.then(() => soon.cancel());
    next();
  }

  /** Rejects if the session stays in storage, or lives on although no later start knows of it. */
  async signOut(): Promise<void> {
    const { storage } = this.#options;
    let fault: unknown;
    await exclusively(KEY, async () => {
      const kept = await this.#kept();
      this.#own = this.last = null;
      if (kept) this.#left.set(ENDED + kept.session.id, kept);
      for (const [key, tokens] of this.#left)
        try {
          await storage.set(key, tokens);
          this.#left.delete(key);
        } catch (error) {
          fault = error;
        }
      await storage.delete(KEY);
    }).finally(() => this.#endAll());
    if (this.#left.size > 0) throw fault;
  }

  async owner(): Promise<string | null | undefined> {
    return claimsOf((await this.#kept())?.accessToken).userId;
  }

  close(): void {
    this.#isClosed = true;
    this.#soon.cancel();
  }

  /** Ends the sessions that sign-outs have left, perhaps those of an earlier page. */
  async #endAll(): Promise<void> {
    try {
      await exclusively(ENDED, async () => {
        const kept = await this.#options.storage.list(ENDED).catch(() => []);
        for (const [key, tokens] of [...this.#left, ...kept]) await this.#end(key, tokens as Tokens);
      });
      this.#backOff.reset();
    } catch (error) {
      if (!this.#isClosed) this.#soon.plan(this.#backOff.after(error));
    }
  }

  /** Rejects if the service could not be told. */
  async #end(key: string, { session: { id }, accessToken, refreshToken }: Tokens): Promise<void> {
    const { ask, storage } = this.#options;
    const revoke = (token: string): Promise<unknown> => ask(REVOKE_SESSION, { id }, token);
    try {
      await revoke(accessToken).catch(async (error: unknown) => {
        if (!isUnauthenticated(error)) throw error;
        // A refresh token that was used before ends its session as well.
        await revoke((await this.#exchanged(refreshToken)).accessToken);
      });
    } catch (error) {
      // Any other answer means that the session is over.
      if (isPassing(error) && !isUnauthenticated(error)) throw error;
    }
    this.#left.delete(key);
    await storage.delete(key).catch(() => undefined);
  }

  async #exchanged(token: string): Promise<Tokens> {
    return (await this.#options.ask<{ refreshSession: Tokens }>(REFRESH_SESSION, { token }, null)).refreshSession;
  }

  /**
   * Each connection refreshes for itself. No refresh token is used twice, since other tabs wait and then read the new
   * one.
   */
  #renew(link: Link): Promise<void> {
    return exclusively(KEY, async () => {
      const kept = await this.#kept();
      if (!kept || link.isOver) return;
      const { refreshSession } = await link.request<{ refreshSession: Tokens }>(REFRESH_SESSION, {
        token: kept.refreshToken,
      });
      await this.#keep(refreshSession);
      this.last = refreshSession.accessToken;
    });
  }

  /** Null: the session is over. */
  async #refreshed({ refreshToken }: Tokens): Promise<Tokens | null> {
    try {
      return await this.#keep(await this.#exchanged(refreshToken));
    } catch (error) {
      if (!isUnauthenticated(error)) throw error;
      await this.#drop();
      return null;
    }
  }

  async #begin(reason: TokenReason): Promise<Tokens | null> {
    const { getToken, ask, deviceId, deviceName } = this.#options;
    const token = await getToken({ reason });
    if (token === null) return null;
    const input = { deviceId: await deviceId(), deviceName };
    const { createSession } = await ask<{ createSession: Tokens }>(CREATE_SESSION, { input }, token);
    return this.#keep(createSession);
  }

  /** No other tab may use the tokens before these again, so they leave storage if it does not take these. */
  async #keep(tokens: Tokens): Promise<Tokens> {
    try {
      await this.#options.storage.set(KEY, tokens);
      this.#own = null;
    } catch {
      await this.#drop();
      this.#own = tokens;
    }
    return tokens;
  }

  async #drop(): Promise<void> {
    this.#own = null;
    await this.#options.storage.delete(KEY).catch(() => undefined);
  }

  async #kept(): Promise<Tokens | null> {
    return this.#own ?? ((await this.#options.storage.get(KEY)) as Tokens | undefined) ?? null;
  }
}
