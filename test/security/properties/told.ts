/** What somebody received without the right to it. */
import type { TenantId, UserId } from '../../../src/model.ts';
import type { Place, Secrets } from './secrets.ts';

/** Who asks, and by what sort of token. */
export interface Asker {
  readonly tenant: TenantId;
  readonly userId: UserId;
  /** Empty: an ordinary user's. */
  readonly scope: string;
}

export class Told {
  readonly #seed: number;
  readonly #secrets: Secrets;
  readonly #found: string[] = [];

  constructor(seed: number, secrets: Secrets) {
    this.#seed = seed;
    this.#secrets = secrets;
  }

  /** An answer, to somebody who is, or became by asking, a member of some conversations. */
  answered(asker: Asker, answer: string, question: string, isMember: (place: Place) => boolean): void {
    for (const { secret, place } of this.#secrets.foundIn(answer)) {
      if (!isAdminOf(asker, place) && !isMember(place)) this.#note(asker, secret, place, question);
    }
  }

  /** What a stream brought: it may be of before the user was removed. */
  sent(asker: Asker, frame: string): void {
    for (const { secret, place } of this.#secrets.foundIn(frame)) {
      const isTheirs = asker.tenant === place.tenant && this.#secrets.mayHaveLearnt(secret, asker.userId);
      if (!isAdminOf(asker, place) && !isTheirs) this.#note(asker, secret, place, `a stream: ${frame.slice(0, 300)}`);
    }
  }

  throwIfAny(): void {
    const [first] = this.#found;
    if (first) throw new Error(`seed ${this.#seed}: ${this.#found.length} secrets were told. ${first}`);
  }

  #note({ tenant, userId, scope }: Asker, secret: string, place: Place, question: string): void {
    const where = `${secret} of ${place.conversation} of tenant ${place.tenant}`;
    this.#found.push(`${userId} (${scope || 'user'}) of tenant ${tenant} learnt ${where} by ${question}`);
  }
}

function isAdminOf({ scope, tenant }: Asker, place: Place): boolean {
  return scope === 'realtime:admin' && tenant === place.tenant;
}
