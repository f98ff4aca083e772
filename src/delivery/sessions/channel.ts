/** A user whose tokens are in use on this node. Holders of a revoked token are notified. */
import type { Bearer } from '../../access/bearer.ts';
import { isRefused } from '../../access/revocation.ts';
import type { Clock } from '../../clock.ts';
import type { Announcement, Engine, Listening } from '../../engine/port.ts';
import { isOutage } from '../../errors.ts';
import { type Few, membersOf, withMember, withoutMember } from '../../few.ts';
import { TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { TenantId, UserId, Viewer } from '../../model.ts';

/** A connection that uses a token. When its token changes, call `Delivery.lookAgain`. */
export interface TokenHolder {
  readonly bearer: Bearer;
  /** Its present token was revoked. */
  onTokenEnd(): void;
}

export class SessionChannel {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #tenant: TenantId;
  readonly #userId: UserId;
  #holders: Few<TokenHolder> = null;
  #listening: Listening | null = null;
  readonly #onDoubt: (isInDoubt: boolean) => void;
  #interruptions = 0;
  #isClosed = false;

  /** `onDoubt` is called when a revocation may have been missed, and when that is settled. */
  constructor(
    engine: Engine,
    clock: Clock,
    log: Log,
    { tenant, userId }: Pick<Viewer, 'tenant' | 'userId'>,
    onDoubt: (isInDoubt: boolean) => void,
  ) {
    this.#onDoubt = onDoubt;
    this.#engine = engine;
    this.#clock = clock;
    this.#log = log;
    this.#tenant = tenant;
    this.#userId = userId;
  }

  async open(): Promise<boolean> {
    this.#listening = await this.#engine.listen(
      { kind: 'sessions', tenant: this.#tenant, id: this.#userId },
      { onAnnouncement: (announcement) => this.#receive(announcement), onInterrupted: () => this.#recover() },
    );
    return true;
  }

  /** Tells the holder once the bearer's current token is revoked. */
  watch(holder: TokenHolder): void {
    this.#holders = withMember(this.#holders, holder);
  }

  forget(holder: TokenHolder): void {
    this.#holders = withoutMember(this.#holders, holder);
  }

  /** Reads revocations that may have been missed, until the engine answers. */
  async read(): Promise<void> {
    const interruptions = this.#interruptions;
    const isOfSession = membersOf(this.#holders).some(({ bearer }) => bearer.viewer.sessionId !== null);
    try {
      const [refusedUpTo, sessions] = await Promise.all([
        this.#engine.readRefusal(this.#tenant, this.#userId),
        isOfSession ? this.#engine.readSessions(this.#tenant, this.#userId, null) : [],
      ]);
      const ended = new Set<string>(sessions.flatMap(({ id, revokedAt }) => (revokedAt === null ? [] : [id])));
      this.#end((viewer) => this.#isRefused(viewer, refusedUpTo) || ended.has(viewer.sessionId ?? ''));
      if (interruptions === this.#interruptions) this.#onDoubt(false);
    } catch (error) {
      if (!isOutage(error)) this.#log.error({ tenant: this.#tenant, err: error }, 'session channel failed');
      if (!this.#isClosed) this.#clock.after(TIMES.retryMs, () => void this.read());
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#onDoubt(false);
    this.#listening?.close().catch((error: unknown) => this.#log.warn({ err: error }, 'channel not closed'));
  }

  #recover(): void {
    if (this.#isClosed) return;
    this.#interruptions += 1;
    this.#onDoubt(true);
    void this.read();
  }

  #receive(announcement: Announcement): void {
    if (announcement.type === 'tokens-refused') {
      this.#end((viewer) => this.#isRefused(viewer, announcement.upTo));
    }
    if (announcement.type === 'session' && announcement.isRevoked) {
      this.#end(({ sessionId }) => sessionId === announcement.id);
    }
  }

  #isRefused(viewer: Viewer, upTo: number | null): boolean {
    return isRefused(viewer, upTo, this.#clock.now());
  }

  #end(isOver: (viewer: Viewer) => boolean): void {
    for (const holder of membersOf(this.#holders)) if (isOver(holder.bearer.viewer)) holder.onTokenEnd();
  }
}
