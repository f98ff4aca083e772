/** Puts the document into an operation on a socket that names it by a hash. */
import { GraphQLError } from 'graphql';
import type { SubscribePayload } from 'graphql-ws';
import { FAULT } from '../graphql/execution.ts';
import type { PersistedQueries } from '../graphql/persisted-queries.ts';

/** graphql-ws refuses an operation without a query, so one that has only a hash is given an empty query. */
export function withQuery(text: string): string {
  if (!text.includes('"persistedQuery"')) return text;
  try {
    const frame = JSON.parse(text);
    if (frame?.type !== 'subscribe' || !frame.payload?.extensions || frame.payload.query) return text;
    return JSON.stringify({ ...frame, payload: { ...frame.payload, query: '' } });
  } catch {
    return text;
  }
}

export function restoreDocument(payload: SubscribePayload, persisted: PersistedQueries): void {
  const document = persisted.documentOf(payload, true);
  if (document === null) return;
  const fault = document instanceof GraphQLError ? document : null;
  Object.assign(payload, fault ? { [FAULT]: fault } : { query: document });
}
