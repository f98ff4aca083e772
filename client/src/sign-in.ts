/** The source of the client's tokens. */
import type { Link } from './link.ts';

/** Why a token is requested. `expired` and `refused` are about the last token. */
export type TokenReason = 'first' | 'again' | 'expired' | 'refused';

/** Returns the app's present token; null: signed out. If it throws, it is called again later. */
export type GetToken = (why: { readonly reason: TokenReason }) => string | null | Promise<string | null>;

export interface SignIn {
  /** The last access token. */
  readonly last: string | null;
  /** Null: signed out. Throws when that is unknown now. */
  token(reason: TokenReason): Promise<string | null>;
  /** Called when the service has accepted the token on this link. */
  attend?(link: Link): void;
  /** The user of the kept session, if that is known. */
  owner?(): Promise<string | null | undefined>;
  /** Signs the user out on this device. A later call of `token` waits for that. */
  signOut(): Promise<void>;
  /** Stops all work. */
  close?(): void;
}

/**
 * Signs in by tokens of the platform. A connection whose token expires is closed, and reconnects with the next token.
 */
export class TokenSignIn implements SignIn {
  readonly #getToken: GetToken;
  last: string | null = null;

  constructor(getToken: GetToken) {
    this.#getToken = getToken;
  }

  async token(reason: TokenReason): Promise<string | null> {
    const token = await this.#getToken({ reason });
    // The service refused this token and would refuse it again.
    if (reason === 'refused' && token === this.last) return null;
    this.last = token;
    return token;
  }

  async signOut(): Promise<void> {
    this.last = null;
  }
}
