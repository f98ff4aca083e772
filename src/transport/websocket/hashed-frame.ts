/** Operations on a socket that name their document by a hash, or send an empty text for an omitted field. */
import { GraphQLError } from 'graphql';
import type { SubscribePayload } from 'graphql-ws';
import { FAULT } from '../../graphql/execution.ts';
import type { PersistedQueries } from '../../graphql/persisted-queries.ts';
import { leaveOutEmpty } from '../peers/left-out.ts';

/** Frames that need a closer look. */
const UNUSUAL = /"persistedQuery"|"(?:operationName|variables|extensions)"\s*:\s*""/;

/** The frame in a form that graphql-ws accepts: it refuses an operation without a query, and a text for variables. */
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
 * The message of a frame, or its text when it is not JSON. The library keeps the given value while a subscription is
 * open; parts of an object can be released, parts of a text cannot.
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
