/**
 * Applies changes of members to the list of each user concerned, and announces them to these users.
 *
 * A list has its user's hash tag and cannot change in one step with the conversation. So the script that changes the
 * members also writes a note, in the conversation's slot, for each user whose list lacks the change. The next caller
 * that touches the conversation gets the notes and applies them: the node that made the change, a client that retries
 * after a lost answer, or any reader or writer after a node died in between. Each note has a version, and a list ignores
 * one that is not above the version it has. So applying a note is idempotent and may happen in any order.
 */
import { LIMITS } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { ConversationId, TenantId, UserId } from '../../model.ts';
import { nonce } from './attempt.ts';
import type { Scripts } from './batches.ts';
import type { Keys } from './keys.ts';
import { pairsOf } from './pairs.ts';
import type { RecentChanges } from './recent-changes.ts';
import type { DataForm } from './schema.ts';

/** Notes as a script answers them: user, note, user, note, … */
export type MembershipNotes = readonly string[];

export interface Memberships {
  /**
   * Applies all notes; the lists are up to date when this resolves. Rejects with SERVICE_UNAVAILABLE; remaining notes
   * stay. `just`: the number of users whom the script has just noted.
   */
  apply(tenant: TenantId, id: ConversationId, given: MembershipNotes, just?: number): Promise<void>;
  /** Reads the notes of a conversation and applies them. */
  applyAll(tenant: TenantId, id: ConversationId): Promise<void>;
  /** Applies notes in the background. */
  notice(tenant: TenantId, id: ConversationId, given: MembershipNotes): void;
}

type Note = readonly [userId: UserId, note: string];

const notesOf = (given: MembershipNotes): Note[] => pairsOf(given).map(([userId, note]) => [userId as UserId, note]);

const keyOf = (tenant: TenantId, id: ConversationId, note: Note): string => JSON.stringify([tenant, id, ...note]);

/** Notes that this node applies or has applied, until they are dropped: answers to other calls meanwhile have them too. */
class NotesInHand {
  readonly #index: (tenant: TenantId, id: ConversationId, note: Note) => Promise<void>;
  readonly #works = new Map<string, Promise<void>>();

  constructor(index: (tenant: TenantId, id: ConversationId, note: Note) => Promise<void>) {
    this.#index = index;
  }

  /** Applies the notes that are not being applied yet, and waits for all of them. Returns those that it applied. */
  async apply(tenant: TenantId, id: ConversationId, notes: readonly Note[]): Promise<readonly Note[]> {
    const mine = notes.filter((note) => !this.#works.has(keyOf(tenant, id, note)));
    for (const note of mine) this.#works.set(keyOf(tenant, id, note), this.#index(tenant, id, note));
    try {
      await Promise.all(notes.map((note) => this.#works.get(keyOf(tenant, id, note))));
      return mine;
    } catch (error) {
      this.letGo(tenant, id, mine);
      throw error;
    }
  }

  letGo(tenant: TenantId, id: ConversationId, notes: readonly Note[]): void {
    for (const note of notes) this.#works.delete(keyOf(tenant, id, note));
  }
}

export function createMemberships(
  { run, runOne }: Scripts,
  keys: Keys,
  log: Log,
  recent: RecentChanges | null,
  form: Readonly<DataForm>,
): Memberships {
  /** Conversations whose notes are being applied in the background. */
  const noticed = new Set<string>();

  const inHand = new NotesInHand(async (tenant, id, [userId, note]) => {
    const { list, membershipsMark, membershipsChannel } = keys.user(tenant, userId);
    const shared = [form.isCompact ? '1' : '0'];
    await runOne('index-membership', [...list, membershipsMark, membershipsChannel], [id, note, nonce()], shared);
  });

  /** Drops applied notes; returns the remaining ones. */
  async function forget(tenant: TenantId, id: ConversationId, applied: readonly Note[]): Promise<MembershipNotes> {
    const { notes } = keys.conversation(tenant, id);
    try {
      return (await run('drop-notes', [notes], applied.flat())) as string[];
    } finally {
      inHand.letGo(tenant, id, applied);
    }
  }

  async function apply(tenant: TenantId, id: ConversationId, given: MembershipNotes, just = 0): Promise<void> {
    let asked = LIMITS.notesPerLook + just;
    for (let open = given; open.length > 0; ) {
      recent?.rememberNotes(tenant, id, open);
      const notes = notesOf(open);
      const mine = await inHand.apply(tenant, id, notes);
      const areAll = notes.length < asked;
      // Later notes are applied by the callers who made them, and dropped by those who applied them.
      if (areAll && mine.length === 0) return;
      const forgetting = forget(tenant, id, mine);
      if (areAll) return forgotten(tenant, id, forgetting);
      open = await forgetting;
      asked = LIMITS.notesPerLook;
    }
  }

  function forgotten(tenant: TenantId, id: ConversationId, forgetting: Promise<MembershipNotes>): void {
    // If dropping fails the next caller applies them again, which changes nothing.
    forgetting
      .then((rest) => notice(tenant, id, rest))
      .catch((error: unknown) => log.debug({ err: error, tenant, conversation: id }, 'applied notes not forgotten'));
  }

  function notice(tenant: TenantId, id: ConversationId, given: MembershipNotes): void {
    const key = JSON.stringify([tenant, id]);
    if (given.length === 0 || noticed.has(key)) return;
    noticed.add(key);
    apply(tenant, id, given)
      // The next caller that touches the conversation finds the rest.
      .catch((error: unknown) => log.debug({ err: error, tenant, conversation: id }, 'membership notes not applied'))
      .finally(() => noticed.delete(key));
  }

  return {
    apply,

    async applyAll(tenant, id) {
      await apply(tenant, id, await forget(tenant, id, []));
    },

    notice,
  };
}
