/** Signs in by a session of the service: created once with a token of the platform, then refreshed while it lasts. */
import { CREATE_SESSION, REFRESH_SESSION, REVOKE_SESSION } from './documents.ts';
import { RequestError } from './errors.ts';
import { exclusively } from './host.ts';
import type { Ask } from './http.ts';
import type { Link } from './link.ts';
import { Soon } from './pauses.ts';
import type { GetToken, SignIn, TokenReason } from './sign-in.ts';
import { saidBy } from './token.ts';
import type { Storage } from './types.ts';

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
/** The share of an access token's lifetime after which the next one is requested. */
const REFRESH_AT = 0.75;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const TRY_AGAIN_MS = 5_000;

export class SessionSignIn implements SignIn {
  readonly #options: SessionOptions;
  /** Tokens that storage did not take: only this tab has them. */
  #own: Tokens | null = null;
  last: string | null = null;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  token(reason: TokenReason): Promise<string | null> {
    return exclusively(`realtime-${KEY}`, async () => {
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
  attend(link: Link): () => void {
    // HTTP responses end with their token, and the next ones use the next token.
    if (link.isHttp) return () => undefined;
    const soon = new Soon(() => void renew());
    let isEnded = false;
    const plan = (ms: number): void => {
      if (!isEnded) soon.plan(Math.min(ms, LONGEST_TIMER_MS));
    };
    const next = (): void => {
      const lifetimeMs = this.last ? saidBy(this.last).lifetimeMs : null;
      if (lifetimeMs !== null) plan(lifetimeMs * REFRESH_AT * (1 - Math.random() / 10));
    };
    const renew = (): Promise<void> => this.#renew(link).then(next, () => plan(TRY_AGAIN_MS));
    next();
    return () => {
      isEnded = true;
      soon.cancel();
    };
  }

  /** Rejects if the session stays in storage. */
  async signOut(): Promise<void> {
    await exclusively(`realtime-${KEY}`, async () => {
      const { ask, storage } = this.#options;
      const kept = await this.#kept();
      this.#own = null;
      await Promise.all([
        storage.delete(KEY),
        kept && ask(REVOKE_SESSION, { id: kept.session.id }, kept.accessToken).catch(() => undefined),
      ]);
    });
  }

  /**
   * Each connection refreshes for itself. No refresh token is used twice, since other tabs wait and then read the new
   * one.
   */
  #renew(link: Link): Promise<void> {
    return exclusively(`realtime-${KEY}`, async () => {
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
      const { ask } = this.#options;
      const answer = await ask<{ refreshSession: Tokens }>(REFRESH_SESSION, { token: refreshToken }, null);
      return await this.#keep(answer.refreshSession);
    } catch (error) {
      if (!(error instanceof RequestError) || error.code !== 'UNAUTHENTICATED') throw error;
      await this.#drop();
      return null;
    }
  }

  async #begin(reason: TokenReason): Promise<Tokens | null> {
    const { getToken, ask, deviceId, deviceName } = this.#options;
    const token = await getToken({ reason });
    if (token === null) return null;
    const input = { deviceId: await deviceId(), deviceName };
    try {
      const { createSession } = await ask<{ createSession: Tokens }>(CREATE_SESSION, { input }, token);
      return await this.#keep(createSession);
    } catch (error) {
      if (error instanceof RequestError && error.code === 'UNAUTHENTICATED' && error.reason !== 'EXPIRED') return null;
      throw error;
    }
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
