/** A viewer's list of conversations as a stream reads it: all of it at first, then only what may have changed. */
import type { Bearer } from '../../access/bearer.ts';
import type { Engine } from '../../engine/port.ts';
import { inParts } from '../../in-parts.ts';
import type { ConversationId, Position } from '../../model.ts';
import { type ListChanges, readListChanges } from './list-changes.ts';

export interface ListReading {
  /** Those of what was looked at that the viewer is in. */
  readonly ids: readonly ConversationId[];
  /** What was looked at; null: the whole list. */
  readonly asked: ReadonlySet<ConversationId> | null;
  readonly changes: ListChanges;
}

export class OwnList {
  readonly #engine: Engine;
  readonly #bearer: Bearer;
  /** Up to where its log was read. */
  #place: Position | null;
  #isAllDoubted = true;
  #isAllTaken = false;
  /** What is to be looked at, whatever the log says: who leaves and joins again may have no entry for it; at first all of it. */
  readonly #doubted = new Set<ConversationId>();
  /** Those of them that a reading looks at, or one did that was not settled. */
  readonly #taken = new Set<ConversationId>();

  /** `after`: the place from which its changes are told. */
  constructor(engine: Engine, bearer: Bearer, after: Position | null) {
    this.#engine = engine;
    this.#bearer = bearer;
    this.#place = after;
  }

  /** The next reading looks at this one. */
  doubt(id: ConversationId): void {
    this.#doubted.add(id);
  }

  /** The next reading is of the whole list: what was announced meanwhile may have no entry in its log. */
  doubtAll(): void {
    this.#isAllDoubted = true;
  }

  /** Reads it, again as long as `settle` was not called. Rejects as the engine does. */
  async read(): Promise<ListReading> {
    const { viewer } = this.#bearer;
    // Whoever doubts one from now on wants another reading of it.
    for (const id of this.#doubted) this.#taken.add(id);
    this.#doubted.clear();
    this.#isAllTaken ||= this.#isAllDoubted;
    this.#isAllDoubted = false;
    const isWhole = this.#isAllTaken;
    const listed = isWhole ? await this.#engine.listConversationIds(viewer.tenant, viewer.userId) : [];
    // After the list: an entry is written with it, so that by the log the list is as it was when the log was read.
    const changes = await readListChanges(this.#engine, viewer, this.#place);
    if (changes.expiry)
      return { ids: await this.#engine.listConversationIds(viewer.tenant, viewer.userId), asked: null, changes };
    if (isWhole) return { ids: corrected(listed, changes), asked: null, changes };
    const asked = new Set([...changes.of.keys(), ...this.#taken]);
    return { ids: await this.#own([...asked]), asked, changes };
  }

  /** What was read is followed. */
  settle({ changes }: ListReading): void {
    this.#isAllTaken = false;
    this.#place = changes.head;
    this.#taken.clear();
  }

  async #own(ids: readonly ConversationId[]): Promise<readonly ConversationId[]> {
    const { tenant, userId } = this.#bearer.viewer;
    const own = await inParts(ids, async (part) => {
      const keys = part.map((conversationId) => ({ conversationId, userId }));
      const memberships = await this.#engine.readMemberships(tenant, keys);
      return part.filter((_, index) => memberships[index]);
    });
    return own.flat();
  }
}

/** The list as its log says that it is. */
function corrected(listed: readonly ConversationId[], { of }: ListChanges): ConversationId[] {
  const ids = new Set(listed);
  for (const [id, { isListed }] of of) {
    if (isListed) ids.add(id);
    else ids.delete(id);
  }
  return [...ids];
}
