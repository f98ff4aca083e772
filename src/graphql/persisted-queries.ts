/**
 * Automatic persisted queries: after a document was sent once, its SHA-256 identifies it.
 *
 * One store for HTTP, streams and sockets, with the protocol of Apollo's clients and routers: the answer to an unknown
 * hash makes them send the document. The store is bounded by the characters of its documents.
 */
import { createHash } from 'node:crypto';
import { GraphQLError } from 'graphql';
import { LRUCache } from 'lru-cache';
import { LIMITS } from '../limits.ts';
import { toGraphQLError } from './errors.ts';
import { isTooLong, tooLong } from './operations.ts';

export interface HashedRequest {
  readonly query?: unknown;
  readonly extensions?: unknown;
}

export interface PersistedQueries {
  /** The named document, or the error; null: the request has no hash. Stores documents only if `mayStore`. */
  documentOf(request: HashedRequest, mayStore: boolean): string | GraphQLError | null;
}

/** Null: the request has no hash. `hash` is null when it is not a string. */
function hashedIn(extensions: unknown): { readonly version: unknown; readonly hash: string | null } | null {
  const given = (extensions as { readonly persistedQuery?: unknown } | null | undefined)?.persistedQuery;
  const { version, sha256Hash } = (given ?? {}) as { readonly version?: unknown; readonly sha256Hash?: unknown };
  if (sha256Hash === undefined || sha256Hash === null) return null;
  return { version, hash: typeof sha256Hash === 'string' ? sha256Hash.toLowerCase() : null };
}

const HASH = /^[0-9a-f]{64}$/i;

function refusal(message: string, code: string, status: number): GraphQLError {
  return new GraphQLError(message, { extensions: { code, http: { status } } });
}

export function createPersistedQueries(): PersistedQueries {
  const known = new LRUCache<string, string>({
    max: LIMITS.persistedDocuments,
    maxSize: LIMITS.persistedDocumentCharacters,
    sizeCalculation: (document) => Math.max(document.length, 1),
  });
  return {
    documentOf({ query, extensions }, mayStore) {
      const hashed = hashedIn(extensions);
      if (!hashed) return null;
      const { version, hash } = hashed;
      if (version !== 1) return refusal('Unsupported persisted query version.', 'BAD_USER_INPUT', 400);
      if (hash === null)
        return refusal('extensions.persistedQuery.sha256Hash: must be a string.', 'BAD_USER_INPUT', 400);
      if (typeof query !== 'string' || query === '') {
        const document = HASH.test(hash) ? known.get(hash) : undefined;
        // Clients recognise this message and send the document. The status is 200, since this is no error.
        return document ?? refusal('PersistedQueryNotFound', 'PERSISTED_QUERY_NOT_FOUND', 200);
      }
      if (isTooLong(query)) return toGraphQLError(tooLong(), 413);
      if (!mayStore) return query;
      if (createHash('sha256').update(query).digest('hex') !== hash) {
        return refusal('provided sha does not match query', 'BAD_USER_INPUT', 400);
      }
      known.set(hash, query);
      return query;
    },
  };
}
