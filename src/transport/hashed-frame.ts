/** Operations on a socket that name their document by a hash: they go on as if they had sent it. */
import { GraphQLError } from 'graphql';
import type { SubscribePayload } from 'graphql-ws';
import { FAULT } from '../graphql/execution.ts';
import type { PersistedQueries } from '../graphql/persisted-queries.ts';

/** The library takes no operation without a query: one that names its document by a hash has an empty one. */
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
