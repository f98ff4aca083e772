/** The source of the client's tokens. */
import type { Link } from './link.ts';

/** Why a token is asked for. `expired` and `refused`: of the one that was given last. */
export type TokenReason = 'first' | 'again' | 'expired' | 'refused';

/** The app's own token of the moment; null: nobody is signed in. One that throws is asked again later. */
export type GetToken = (why: { readonly reason: TokenReason }) => string | null | Promise<string | null>;

export interface SignIn {
  /** The access token given out last. */
  readonly last: string | null;
  /** Null: nobody is signed in. It throws when that cannot be known now. */
  token(reason: TokenReason): Promise<string | null>;
  /** The service has taken the token by this connection. Answers how to stop looking after it. */
  attend(link: Link): () => void;
  /** Nobody is to be signed in on this device any more. */
  signOut(): Promise<void>;
}

/** By tokens of the platform. A connection whose token ends is closed, and comes back with the next. */
export class TokenSignIn implements SignIn {
  readonly #getToken: GetToken;
  last: string | null = null;

  constructor(getToken: GetToken) {
    this.#getToken = getToken;
  }

  async token(reason: TokenReason): Promise<string | null> {
    const token = await this.#getToken({ reason });
    // The service has said that this one is good for nothing, and will say so again.
    if (reason === 'refused' && token === this.last) return null;
    this.last = token;
    return token;
  }

  attend(): () => void {
    return () => undefined;
  }

  async signOut(): Promise<void> {
    this.last = null;
  }
}
