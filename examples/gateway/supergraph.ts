/** The known subgraphs, and the supergraph that they compose to. */
import { composeServices } from '@theguild/federation-composition';
import { parse } from 'graphql';

export interface Subgraph {
  readonly name: string;
  readonly url: string;
  /** The URL of its WebSocket, if it differs. */
  readonly subscriptionUrl: string | null;
  readonly sdl: string;
  readonly version: string | null;
}

/** `composed`: there is a new supergraph. */
export type Outcome = { readonly outcome: 'composed' | 'unchanged' } | Refusal;

interface Refusal {
  readonly outcome: 'refused';
  readonly errors: readonly string[];
}

export class Supergraph {
  readonly #subgraphs = new Map<string, Subgraph>();
  #sdl: string | null = null;
  #composedAt: Date | null = null;

  /** @throws {Error} while no subgraph has answered. */
  get sdl(): string {
    if (this.#sdl === null) throw new Error('No subgraph has answered yet.');
    return this.#sdl;
  }

  get composedAt(): Date | null {
    return this.#composedAt;
  }

  get subgraphs(): readonly Subgraph[] {
    return [...this.#subgraphs.values()];
  }

  get(name: string): Subgraph | undefined {
    return this.#subgraphs.get(name);
  }

  /** Adds a subgraph, or its new version. If it does not compose, it is refused and the supergraph stays. */
  offer(subgraph: Subgraph): Outcome {
    const known = this.#subgraphs.get(subgraph.name);
    const { sdl, url, subscriptionUrl } = subgraph;
    const isSame = known?.sdl === sdl && known.url === url && known.subscriptionUrl === subscriptionUrl;
    if (!isSame) {
      const composition = compose([...this.subgraphs.filter(({ name }) => name !== subgraph.name), subgraph]);
      if (typeof composition !== 'string') return composition;
      this.#sdl = composition;
      this.#composedAt = new Date();
    }
    this.#subgraphs.set(subgraph.name, subgraph);
    return { outcome: isSame ? 'unchanged' : 'composed' };
  }
}

function compose(subgraphs: readonly Subgraph[]): string | Refusal {
  try {
    // Sorted, so that the same subgraphs always give the same supergraph.
    const sorted = subgraphs.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const result = composeServices(sorted.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) })));
    if (result.supergraphSdl) return result.supergraphSdl;
    return { outcome: 'refused', errors: (result.errors ?? []).map(({ message }) => message) };
  } catch (error) {
    return { outcome: 'refused', errors: [`The SDL cannot be read: ${(error as Error).message}`] };
  }
}
