/** Documents that Apollo Server need not parse again, and that are free of further charge. */
import { hash } from 'node:crypto';
import type { ApolloServerOptions, BaseContext } from '@apollo/server';
import type { DocumentNode } from 'graphql';
import { createDocumentCache } from '../../graphql/document-cache.ts';

export interface KnownDocuments {
  /** Whether a document was parsed and validated. */
  has(query: string): boolean;
  readonly store: NonNullable<ApolloServerOptions<BaseContext>['documentStore']>;
}

/** Apollo Server's own store is bounded by the documents as JSON, which is several times the size of ours. */
export function createKnownDocuments(): KnownDocuments {
  const known = createDocumentCache<DocumentNode>();
  return {
    // Apollo Server's keys end with the SHA-256 of the text.
    has: (query) => known.has(hash('sha256', query)),
    store: {
      get: async (key) => known.get(key.slice(-64)),
      set: async (key, document) =>
        void known.set(key.slice(-64), document, { size: document.loc?.source.body.length || 1 }),
      delete: async (key) => known.delete(key.slice(-64)),
    },
  };
}
