/** Operations on a socket that name their document by a hash, or send an empty text for what they leave out. */
import { GraphQLError } from 'graphql';
import type { SubscribePayload } from 'graphql-ws';
import { FAULT } from '../../graphql/execution.ts';
import type { PersistedQueries } from '../../graphql/persisted-queries.ts';
import { leaveOutEmpty } from '../peers/left-out.ts';

/** What is worth a second look. */
const UNUSUAL = /"persistedQuery"|"(?:operationName|variables|extensions)"\s*:\s*""/;

/** The frame as graphql-ws takes it: it refuses an operation without a query, and a text for variables. */
function asItIsTaken(text: string): string {
  if (!UNUSUAL.test(text)) return text;
  try {
    const frame = JSON.parse(text);
    if (frame?.type !== 'subscribe' || typeof frame.payload !== 'object' || frame.payload === null) return text;
    leaveOutEmpty(frame.payload);
    if (frame.payload.extensions) frame.payload.query ??= '';
    return JSON.stringify(frame);
  } catch {
    return text;
  }
}

/**
 * The message of a frame, or its text when that is none. The library keeps what it is handed for as long as a
 * subscription is open; of an object parts can be let go of, of a text nothing.
 */
export function messageOf(text: string): string {
  try {
    const message: unknown = JSON.parse(asItIsTaken(text));
    return typeof message === 'object' && message !== null ? (message as unknown as string) : text;
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
