/** The documents of what is subscribed to: each is in memory once, for as long as a subscription of it is open. */
import type { DocumentNode } from 'graphql';
import { LIMITS } from '../limits.ts';

export class OpenDocuments {
  readonly #mostCharacters: number;
  readonly #uses = new Map<DocumentNode, number>();
  #characters = 0;
  #subscriptions = 0;

  constructor(mostCharacters: number = LIMITS.subscribedCharactersPerSocket) {
    this.#mostCharacters = mostCharacters;
  }

  /** Subscriptions that are open. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** Counts a subscription of this document; false: all together would be more than may be held. */
  open(document: DocumentNode): boolean {
    const uses = this.#uses.get(document) ?? 0;
    const more = uses === 0 ? charactersOf(document) : 0;
    if (this.#characters + more > this.#mostCharacters) return false;
    this.#characters += more;
    this.#subscriptions += 1;
    this.#uses.set(document, uses + 1);
    return true;
  }

  close(document: DocumentNode): void {
    const uses = this.#uses.get(document) ?? 0;
    if (uses > 0) this.#subscriptions -= 1;
    if (uses > 1) return void this.#uses.set(document, uses - 1);
    if (this.#uses.delete(document)) this.#characters -= charactersOf(document);
  }
}

function charactersOf({ loc }: DocumentNode): number {
  return loc?.source.body.length ?? 0;
}
