/** A viewer's list of conversations as a stream reads it: all of it at first, then only what may have changed. */
import type { Bearer } from '../../access/bearer.ts';
import type { Engine } from '../../engine/port.ts';
import { askInParts } from '../../in-parts.ts';
import type { ConversationId, Position } from '../../model.ts';
import { type ListChanges, readListChanges } from './list-changes.ts';

export interface ListReading {
  /** The checked conversations that the viewer is in. */
  readonly ids: readonly ConversationId[];
  /** The checked conversations; null: the whole list. */
  readonly asked: ReadonlySet<ConversationId> | null;
  readonly changes: ListChanges;
}

export class OwnList {
  readonly #engine: Engine;
  readonly #bearer: Bearer;
  /** The position up to which the log of the list was read. */
  #position: Position | null;
  #isAllDoubted = true;
  #isAllTaken = false;
  /**
   * Conversations to check whatever the log says, since leaving and joining again may have no entry. At first all of
   * them.
   */
  readonly #doubted = new Set<ConversationId>();
  /** The doubted conversations covered by the present read, or by a read that was not confirmed. */
  readonly #taken = new Set<ConversationId>();

  /** `after`: the position from which changes are reported. */
  constructor(engine: Engine, bearer: Bearer, after: Position | null) {
    this.#engine = engine;
    this.#bearer = bearer;
    this.#position = after;
  }

  /** Includes a conversation in the next read. */
  doubt(id: ConversationId): void {
    this.#doubted.add(id);
  }

  /** Makes the next read cover the whole list, since missed announcements may have no entry in its log. */
  doubtAll(): void {
    this.#isAllDoubted = true;
  }

  /** Reads the list, and what an earlier read without `confirm` covered. Rejects as the engine does. */
  async read(): Promise<ListReading> {
    const { viewer } = this.#bearer;
    // A doubt from now on needs another read.
    for (const id of this.#doubted) this.#taken.add(id);
    this.#doubted.clear();
    this.#isAllTaken ||= this.#isAllDoubted;
    this.#isAllDoubted = false;
    const isWhole = this.#isAllTaken;
    const listed = isWhole ? await this.#engine.listConversationIds(viewer.tenant, viewer.userId) : [];
    // The log is read after the list and is written with it, so it corrects the list to the moment of this read.
    const changes = await readListChanges(this.#engine, viewer, this.#position);
    if (changes.expiry)
      return { ids: await this.#engine.listConversationIds(viewer.tenant, viewer.userId), asked: null, changes };
    if (isWhole) return { ids: corrected(listed, changes), asked: null, changes };
    const asked = new Set([...changes.of.keys(), ...this.#taken]);
    return { ids: await this.#own([...asked]), asked, changes };
  }

  /** The conversations of this read are followed. */
  confirm({ changes }: ListReading): void {
    this.#isAllTaken = false;
    this.#position = changes.head;
    this.#taken.clear();
  }

  async #own(ids: readonly ConversationId[]): Promise<readonly ConversationId[]> {
    const { tenant, userId } = this.#bearer.viewer;
    const own = await askInParts(ids, async (part) => {
      const keys = part.map((conversationId) => ({ conversationId, userId }));
      const memberships = await this.#engine.readMemberships(tenant, keys);
      return part.filter((_, index) => memberships[index]);
    });
    return own.flat();
  }
}

/** The list as corrected by its log. */
function corrected(listed: readonly ConversationId[], { of }: ListChanges): readonly ConversationId[] {
  if (of.size === 0) return listed;
  const ids = new Set(listed);
  for (const [id, { isListed }] of of) {
    if (isListed) ids.add(id);
    else ids.delete(id);
  }
  return [...ids];
}
