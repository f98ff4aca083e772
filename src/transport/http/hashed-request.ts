/** Adds the document to an HTTP request that contains only its hash. */
import type { FastifyRequest } from 'fastify';
import { GraphQLError } from 'graphql';
import type { Caller } from '../../graphql/context.ts';
import { payForUrl } from '../../graphql/document-price.ts';
import type { HashedRequest, PersistedQueries } from '../../graphql/persisted-queries.ts';
import { LIMITS } from '../../limits.ts';

function parsed(text: unknown): unknown {
  try {
    return typeof text === 'string' ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

/** The caller who names the document. */
type NamedBy = Pick<Caller, 'bearer' | 'isProvenGateway' | 'meter'>;

/**
 * Adds the document to the request. Returns null, or the error for an unknown document. @throws {ServiceError}
 * RATE_LIMITED.
 */
export function restoreHashedRequest(
  request: FastifyRequest,
  persisted: PersistedQueries,
  { bearer, isProvenGateway, meter }: NamedBy,
): GraphQLError | null {
  const mayStore = bearer !== null || isProvenGateway;
  const isPost = request.method === 'POST';
  const given = (isPost ? request.body : request.query) as HashedRequest | null | undefined;
  if (typeof given !== 'object' || given === null || given.extensions === undefined) return null;
  const { query } = given;
  const extensions = isPost ? given.extensions : parsed(given.extensions);
  const document = persisted.documentOf({ query, extensions }, mayStore);
  if (document === null) return null;
  const text = document instanceof GraphQLError ? '' : document;
  Object.assign(given, { query: text });
  // Apollo's integration reads the query from the URL, so the document is added there. For a caller without a valid
  // token a long document is not.
  if (isPost) delete (given as { extensions?: { persistedQuery?: unknown } }).extensions?.persistedQuery;
  else if (mayStore || text.length <= LIMITS.openDocumentBytes) {
    payForUrl(text, meter);
    const url = new URL(request.url, 'http://localhost');
    url.searchParams.set('query', text);
    url.searchParams.delete('extensions');
    request.raw.url = `${url.pathname}${url.search}`;
  }
  return document instanceof GraphQLError ? document : null;
}
