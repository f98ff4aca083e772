/** A client's positions in conversations, by the names that the positions contain. */
import { createHash } from 'node:crypto';
import { LIMITS } from '../limits.ts';
import type { ConversationId, Position } from '../model.ts';

/** Ids never begin with this. */
const DIGEST_MARK = '#';
/** 132 bits. A collision would confuse two conversations of this client, and reveal nothing of others. */
const DIGEST_CHARACTERS = 22;

/**
 * The form of an id in a position: long ids are replaced by a digest, so that a thousand positions fit into a frame.
 */
export function nameInPosition(id: ConversationId): string {
  if (id.length <= LIMITS.idCharactersInPosition) return id;
  return DIGEST_MARK + createHash('sha256').update(id).digest('base64url').slice(0, DIGEST_CHARACTERS);
}

export const isDigest = (name: string): boolean => /^#[\w-]{22}$/.test(name);

/** A map of positions by id, also for ids of which only the digest is known. */
export class ResumePoints {
  readonly #byName: ReadonlyMap<string, Position>;

  constructor(byName: ReadonlyMap<string, Position>) {
    this.#byName = byName;
  }

  get(id: ConversationId): Position | undefined {
    return this.#byName.size === 0 ? undefined : this.#byName.get(nameInPosition(id));
  }

  has(id: ConversationId): boolean {
    return this.get(id) !== undefined;
  }

  /** The conversations whose ids are known in advance. */
  keys(): ConversationId[] {
    return [...this.#byName.keys()].filter((name) => !isDigest(name)) as ConversationId[];
  }
}
