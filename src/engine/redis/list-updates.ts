/**
 * Applies changes of a conversation to the lists of its members.
 *
 * A list has its user's hash tag and cannot change in one step with the conversation. So before a change the node
 * notes, in a key of the tenant, that it works on the conversation; `TIMES.listMs` afterwards it reads the conversation
 * and updates the members' lists, once for all changes meanwhile. A reader of a list looks at the notes and updates the
 * noted conversations of its own list first, so a list is never behind for its reader. The next reader of any list
 * completes the work of a dead node.
 */
import type { Clock } from '../../clock.ts';
import { isOutage } from '../../errors.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { ConversationId, TenantId, UserId } from '../../model.ts';
import type { Lists } from './lists.ts';

/** The users whose lists change: all members, these, or none. */
type Touched = 'all' | ReadonlySet<UserId>;

interface InHand {
  readonly tenant: TenantId;
  readonly id: ConversationId;
  /** Resolves once it is noted. Null: noting failed, and the next change notes it again. */
  noted: Promise<void> | null;
  /** By the clock's `elapsed`. */
  notedAt: number;
  /** Running changes of the conversation. */
  running: number;
  touched: Touched;
  isTelling: boolean;
  /** Cancels the timer of the next look; null: none is set. */
  stopWaiting: (() => void) | null;
}

const NOBODY: Touched = new Set();

export class ListUpdates {
  readonly #lists: Lists;
  readonly #clock: Clock;
  readonly #log: Log;
  /** Whether the note is stored before the change: not if their keys are on different servers. */
  readonly #isOneServer: boolean;
  readonly #inHand = new Map<string, InHand>();
  #isClosed = false;

  constructor(lists: Lists, clock: Clock, log: Log, isOneServer: boolean) {
    this.#lists = lists;
    this.#clock = clock;
    this.#log = log;
    this.#isOneServer = isOneServer;
  }

  /** Changes a conversation; `touches` returns whose lists the answer affects. */
  async during<Answer>(
    tenant: TenantId,
    id: ConversationId,
    change: () => Promise<Answer>,
    touches: (answer: Answer) => 'all' | UserId | null,
  ): Promise<Answer> {
    const inHand = this.#take(tenant, id);
    inHand.running += 1;
    try {
      if (!this.#isOneServer) await inHand.noted;
      const answer = await change();
      touch(inHand, touches(answer));
      return answer;
    } catch (error) {
      // The change may have been applied.
      touch(inHand, 'all');
      throw error;
    } finally {
      inHand.running -= 1;
      if (!inHand.isTelling && !inHand.stopWaiting) this.#plan(inHand);
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const { stopWaiting } of this.#inHand.values()) stopWaiting?.();
    this.#inHand.clear();
  }

  #take(tenant: TenantId, id: ConversationId): InHand {
    const key = keyOf(tenant, id);
    const inHand = this.#inHand.get(key) ?? this.#begin(key, tenant, id);
    if (!inHand.noted) this.#note(inHand);
    return inHand;
  }

  #begin(key: string, tenant: TenantId, id: ConversationId): InHand {
    this.#makeRoom();
    const inHand: InHand = {
      tenant,
      id,
      noted: null,
      notedAt: 0,
      running: 0,
      touched: NOBODY,
      isTelling: false,
      stopWaiting: null,
    };
    this.#inHand.set(key, inHand);
    return inHand;
  }

  #note(inHand: InHand): void {
    inHand.notedAt = this.#clock.elapsed();
    inHand.noted = this.#lists.note(inHand.tenant, inHand.id);
    // A caller that waits for it gets the error; otherwise the change itself fails as well.
    inHand.noted.catch(() => {
      inHand.noted = null;
    });
  }

  /** Waits for more changes, since one update of the lists serves them all. */
  #plan(inHand: InHand): void {
    if (this.#isClosed) return;
    if (!isNobody(inHand.touched)) inHand.stopWaiting = this.#clock.after(TIMES.listMs, () => void this.#tell(inHand));
    else if (inHand.running === 0) this.#letGo(inHand);
  }

  async #tell(inHand: InHand): Promise<void> {
    const { tenant, id, touched } = inHand;
    inHand.stopWaiting = null;
    inHand.isTelling = true;
    inHand.touched = NOBODY;
    try {
      await this.#renew(inHand);
      await this.#lists.tell(tenant, id, touched === 'all' ? null : [...touched]);
    } catch (error) {
      touch(inHand, touched);
      if (!isOutage(error)) this.#log.error({ err: error, tenant, conversation: id }, 'lists not updated');
    }
    inHand.isTelling = false;
    this.#plan(inHand);
  }

  /** Renews an old note, since other nodes would take it for that of a dead node. */
  async #renew(inHand: InHand): Promise<void> {
    if (this.#clock.elapsed() - inHand.notedAt < TIMES.unlistedMs / 2) return;
    inHand.notedAt = this.#clock.elapsed();
    await this.#lists.note(inHand.tenant, inHand.id);
  }

  #letGo(inHand: InHand): void {
    const { tenant, id } = inHand;
    const key = keyOf(tenant, id);
    // A released conversation may have been taken up again under the same note.
    if (this.#inHand.get(key) !== inHand) return;
    this.#inHand.delete(key);
    this.#lists.letGo(tenant, id);
  }

  /** Releases the conversation held longest. It stays noted, so the next reader of a list finishes it. */
  #makeRoom(): void {
    if (this.#inHand.size < LIMITS.unlistedConversations) return;
    for (const [key, { running, stopWaiting }] of this.#inHand) {
      if (running > 0) continue;
      stopWaiting?.();
      this.#inHand.delete(key);
      return;
    }
  }
}

const keyOf = (tenant: TenantId, id: ConversationId): string => JSON.stringify([tenant, id]);

const isNobody = (touched: Touched): boolean => touched !== 'all' && touched.size === 0;

function touch(inHand: InHand, who: 'all' | UserId | null | ReadonlySet<UserId>): void {
  const { touched } = inHand;
  if (who === null || touched === 'all') return;
  if (who === 'all') inHand.touched = 'all';
  else inHand.touched = new Set([...touched, ...(typeof who === 'string' ? [who] : who)]);
}
