/** Frames of clients that send only the hash of a document, or an empty string for an omitted field. */
import { GraphQLError } from 'graphql';
import type { SubscribePayload } from 'graphql-ws';
import { FAULT } from '../../graphql/execution.ts';
import type { PersistedQueries } from '../../graphql/persisted-queries.ts';
import { leaveOutEmpty } from '../peers/left-out.ts';

interface Frame {
  readonly type?: unknown;
  readonly payload?: { query?: unknown; readonly extensions?: unknown } | null;
}

/**
 * Puts a frame into a form that graphql-ws accepts, which refuses an operation without a query, and a string for
 * variables.
 */
function complete({ type, payload }: Frame): void {
  if (type !== 'subscribe' || typeof payload !== 'object' || payload === null) return;
  leaveOutEmpty(payload);
  const { extensions } = payload;
  if (typeof extensions === 'object' && extensions !== null && 'persistedQuery' in extensions) payload.query ??= '';
}

/**
 * The message of a frame, or its text when it is not JSON. The library keeps the given value while a subscription is
 * open; parts of an object can be released, parts of a text cannot.
 */
export function messageOf(text: string): string {
  try {
    const message: unknown = JSON.parse(text);
    if (typeof message !== 'object' || message === null) return text;
    complete(message);
    return message as unknown as string;
  } catch {
    return text;
  }
}

export function restoreHashedFrame(payload: SubscribePayload, persisted: PersistedQueries): void {
  const document = persisted.documentOf(payload, true);
  if (document === null) return;
  const fault = document instanceof GraphQLError ? document : null;
  Object.assign(payload, fault ? { [FAULT]: fault } : { query: document });
}
