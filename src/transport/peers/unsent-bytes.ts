/**
 * The sum of all bytes that this process holds for peers that do not read them.
 *
 * Each owner of an account has its own cap; this is the cap of the sum. Past it the fullest are closed, and peers that
 * are closing already are cut off, since a peer that reads nothing may not hold memory (G10).
 */
import { OncePerTurn } from '../../clock.ts';
import { CLOSE_CODES, TOO_SLOW } from '../../errors.ts';

export interface AccountOwner {
  /** False: it is closing. */
  readonly isOpen: boolean;
  close(code: number, reason: string): void;
  /** Ends it at once, and releases its waiting bytes. */
  cut(): void;
}

/** Share of the cap: past it the fullest are closed, before others would have to be cut off. */
const FULL = 0.8;
/** Share of the cap that is left after the fullest are closed. */
const RELIEVED = 0.7;

export class UnsentBytes {
  readonly #most: number;
  /** Accounts that hold bytes. */
  readonly #accounts = new Set<Account>();
  #bytes = 0;
  /** Once per turn, however many hold bytes. */
  readonly #relief = new OncePerTurn(() => this.#relieve());
  /** Bytes that were written for all owners so far. */
  written = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get bytes(): number {
    return this.#bytes;
  }

  account(owner: AccountOwner): Account {
    return new Account(owner, this);
  }

  /** Adds so many bytes to an account. */
  change(account: Account, change: number): void {
    this.#bytes += change;
    if (account.bytes > 0) this.#accounts.add(account);
    else this.#accounts.delete(account);
    if (change >= 0 && this.#bytes > this.#most * FULL) this.#relief.plan();
  }

  #relieve(): void {
    const fullest = [...this.#accounts].sort((one, other) => other.bytes - one.bytes);
    this.#cut(fullest.filter(({ owner }) => !owner.isOpen));
    const open = fullest.filter(({ owner }) => owner.isOpen);
    let bytes = open.reduce((sum, account) => sum + account.bytes, 0);
    if (bytes <= this.#most * FULL) return;
    for (const account of open) {
      if (bytes <= this.#most * RELIEVED) break;
      bytes -= account.bytes;
      account.owner.close(CLOSE_CODES.TRY_AGAIN_LATER, TOO_SLOW);
    }
  }

  /** Cuts off peers that are closing and still hold memory that others need. */
  #cut(closing: readonly Account[]): void {
    for (const account of closing) {
      if (this.#bytes <= this.#most) return;
      account.update(0);
      account.owner.cut();
    }
  }
}

/** The bytes of one owner. */
export class Account {
  readonly owner: AccountOwner;
  readonly #unsent: UnsentBytes;
  #bytes = 0;

  constructor(owner: AccountOwner, unsent: UnsentBytes) {
    this.owner = owner;
    this.#unsent = unsent;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** So many bytes were written for the owner. */
  wrote(bytes: number): void {
    this.#unsent.written += bytes;
  }

  update(bytes: number): void {
    const change = bytes - this.#bytes;
    if (change === 0) return;
    this.#bytes = bytes;
    this.#unsent.change(this, change);
  }
}
