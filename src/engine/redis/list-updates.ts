/**
 * Applies changes of a conversation to the lists of its members.
 *
 * A list has its user's hash tag, so it cannot change in one step with the conversation. `TIMES.listMs` after a change the
 * node reads the conversation and updates the members' lists, once for all changes meanwhile. A reader of a list looks at
 * the notes and updates the noted conversations of its own list first, so a list is not behind for its reader, unless more
 * than `LIMITS.unlistedPerRead` conversations are noted: then it can be behind by `TIMES.listMs`. The next reader of any
 * list completes the work of a dead node.
 */
import { LIMITS, TIMES } from '../../limits.ts';
import type { ConversationId, TenantId, UserId } from '../../model.ts';
import type { Lists } from './lists.ts';
import { NotedSubject, NotedWork, type NotedWorkParts } from './noted-work.ts';

/** The users whose lists change: all members, or these. */
type Touched = 'all' | ReadonlySet<UserId>;

const NOBODY: Touched = new Set();

class ListedConversation extends NotedSubject {
  readonly id: ConversationId;
  touched: Touched = NOBODY;

  constructor(tenant: TenantId, id: ConversationId) {
    super(tenant, id);
    this.id = id;
  }

  touch(who: Touched | UserId): void {
    if (who === 'all' || this.touched === 'all') this.touched = 'all';
    else this.touched = new Set([...this.touched, ...(typeof who === 'string' ? [who] : who)]);
    this.isPending = this.touched === 'all' || this.touched.size > 0;
  }
}

export class ListUpdates extends NotedWork<ListedConversation> {
  readonly #lists: Lists;

  constructor(lists: Lists, parts: NotedWorkParts) {
    super(parts, { most: LIMITS.unlistedConversations, staleMs: TIMES.unlistedMs, failed: 'lists not updated' });
    this.#lists = lists;
  }

  /** Changes a conversation; `touches` returns whose lists the answer affects. */
  async during<Answer>(
    tenant: TenantId,
    id: ConversationId,
    change: () => Promise<Answer>,
    touches: (answer: Answer) => 'all' | UserId | null,
  ): Promise<Answer> {
    const conversation = this.find(tenant, id) ?? this.add(new ListedConversation(tenant, id));
    const noted = this.changeBegins(conversation);
    try {
      if (noted) await noted;
      const answer = await change();
      const who = touches(answer);
      if (who !== null) conversation.touch(who);
      return answer;
    } catch (error) {
      // The change may have been applied.
      conversation.touch('all');
      throw error;
    } finally {
      this.changeEnds(conversation);
    }
  }

  close(): void {
    this.end();
  }

  protected storeNote({ tenant, id }: ListedConversation): Promise<void> {
    return this.#lists.note(tenant, id);
  }

  protected removeNote({ tenant, id }: ListedConversation): void {
    this.#lists.removeNote(tenant, id);
  }

  protected changed(conversation: ListedConversation): void {
    if (!conversation.working && !conversation.stopWaiting) this.worked(conversation);
  }

  protected async work(conversation: ListedConversation): Promise<void> {
    const { tenant, id, touched } = conversation;
    conversation.touched = NOBODY;
    conversation.isPending = false;
    try {
      await this.renewNote(conversation);
      await this.#lists.update(tenant, id, touched === 'all' ? null : [...touched]);
    } catch (error) {
      conversation.touch(touched);
      throw error;
    }
  }

  /** Waits for more changes, since one update of the lists serves them all. */
  protected worked(conversation: ListedConversation): void {
    if (this.isClosed) return;
    if (conversation.isPending) this.lookAfter(conversation, TIMES.listMs);
    else this.release(conversation);
  }
}
