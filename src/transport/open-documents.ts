/** The documents of a socket's subscriptions: each is in memory once, for as long as a subscription of it is open. */
import type { DocumentNode } from 'graphql';
import { LIMITS } from '../limits.ts';

export class OpenDocuments {
  readonly #uses = new Map<DocumentNode, number>();
  #characters = 0;

  /** Counts a subscription of this document; false: all together would be more than a socket may hold. */
  open(document: DocumentNode): boolean {
    const uses = this.#uses.get(document) ?? 0;
    const more = uses === 0 ? charactersOf(document) : 0;
    if (this.#characters + more > LIMITS.subscribedCharactersPerSocket) return false;
    this.#characters += more;
    this.#uses.set(document, uses + 1);
    return true;
  }

  close(document: DocumentNode): void {
    const uses = this.#uses.get(document) ?? 0;
    if (uses > 1) return void this.#uses.set(document, uses - 1);
    if (this.#uses.delete(document)) this.#characters -= charactersOf(document);
  }
}

function charactersOf({ loc }: DocumentNode): number {
  return loc?.source.body.length ?? 0;
}
