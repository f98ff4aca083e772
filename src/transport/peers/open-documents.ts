/** The memory that subscriptions hold while they are open: each document once, and the variables of each. */
import type { DocumentNode } from 'graphql';
import { FewByKey } from '../../few.ts';
import { LIMITS } from '../../limits.ts';

/** The document and variables of a subscription. */
export interface Subscribed {
  readonly document: DocumentNode;
  readonly variableValues?: Readonly<Record<string, unknown>> | null | undefined;
}

/** One counted subscription. */
export interface OpenSubscription {
  readonly document: DocumentNode;
  /** Characters of the variables. */
  readonly variables: number;
  /** False: it was released. */
  isOpen: boolean;
}

export class OpenDocuments {
  /** The cap, as a multiple of the cap of one socket. */
  readonly #sockets: number;
  readonly #uses = new FewByKey<DocumentNode, number>();
  #characters = 0;
  #variables = 0;
  #subscriptions = 0;

  constructor(sockets = 1) {
    this.#sockets = sockets;
  }

  /** The number of open subscriptions. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** Counts a subscription. Null: the total would exceed the cap. */
  open({ document, variableValues }: Subscribed): OpenSubscription | null {
    const uses = this.#uses.get(document) ?? 0;
    const characters = this.#characters + (uses === 0 ? charactersOf(document) : 0);
    const ownVariables = variableValues ? JSON.stringify(variableValues).length : 0;
    if (characters > this.#sockets * LIMITS.subscribedCharactersPerSocket) return null;
    if (this.#variables + ownVariables > this.#sockets * LIMITS.subscribedVariablesPerSocket) return null;
    this.#characters = characters;
    this.#variables += ownVariables;
    this.#subscriptions += 1;
    this.#uses.set(document, uses + 1);
    return { document, variables: ownVariables, isOpen: true };
  }

  /** Releases a subscription. Further calls change nothing. */
  close(held: OpenSubscription): void {
    if (!held.isOpen) return;
    held.isOpen = false;
    const { document, variables } = held;
    const uses = this.#uses.get(document) ?? 0;
    this.#variables -= variables;
    this.#subscriptions -= 1;
    if (uses > 1) return void this.#uses.set(document, uses - 1);
    if (this.#uses.delete(document)) this.#characters -= charactersOf(document);
  }
}

function charactersOf({ loc }: DocumentNode): number {
  return loc?.source.body.length ?? 0;
}
