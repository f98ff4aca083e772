/** GraphQL over Server-Sent Events, distinct connections mode (PROTOCOL.md of graphql-sse). */
import { type Envelope, Wrapping } from '../peers/envelope.ts';
import type { StreamFormat } from './stream-format.ts';

const next = (json: string): string => `event: next\ndata: ${json}\n\n`;
/** Without a data line an EventSource does not fire the event. */
const COMPLETE = 'event: complete\ndata:\n\n';
/**
 * A comment that belongs to the event after it. Cosmo treats any event without data as the end, and Spring treats a
 * block that has only a comment as an event.
 */
const COMMENT = ':\n';

const END = '\n\n';

/** The last envelope, since an event goes to one reader after the other and its envelope is built once. */
let latest: { readonly id: string; readonly envelope: Envelope } | null = null;

function identified(id: string): Envelope {
  if (latest?.id !== id) latest = { id, envelope: new Wrapping(`event: next\nid: ${id}\ndata: `, END) };
  return latest.envelope;
}

export const SSE: StreamFormat = {
  transport: 'sse',
  connectionType: 'SSE',
  contentType: 'text/event-stream; charset=utf-8',
  opening: (retryMs) => `${COMMENT}retry: ${retryMs}\n`,
  heartbeat: COMMENT,
  envelope: new Wrapping('event: next\ndata: ', END),
  identified,
  ending: (errors) => `${errors ? next(JSON.stringify({ errors })) : ''}${COMPLETE}`,
  interruption: (errors) => next(JSON.stringify({ errors })),
  breaksOff: true,
};
