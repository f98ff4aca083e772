/** The formats in which events are written to an HTTP response, and the formats that a request accepts. */
import type { GraphQLFormattedError } from 'graphql';
import { LIMITS } from '../../limits.ts';
import type { ConnectionType } from '../../model.ts';
import type { Envelope } from '../peers/envelope.ts';

export interface StreamFormat {
  readonly transport: 'sse' | 'multipart';
  readonly connectionType: ConnectionType;
  readonly contentType: string;
  /** Written at once, so that proxies and clients see a stream. A client that loses it reconnects after `retryMs`. */
  opening(retryMs: number): string;
  readonly heartbeat: string;
  /** The envelope of each response. */
  readonly envelope: Envelope;
  /** The envelope with an event id, by which a client resumes; null: the format has no ids. */
  readonly identified: ((id: string) => Envelope) | null;
  /** The last bytes of a stream that is over, with the errors that end it. */
  ending(errors: readonly GraphQLFormattedError[] | null): string;
  /** The last bytes of a stream that the client shall open again. */
  interruption(errors: readonly GraphQLFormattedError[]): string;
  /**
   * Whether the connection breaks after an interruption, as the protocol's clients expect; else the response ends
   * normally.
   */
  readonly breaksOff: boolean;
}

export type Acceptable = 'callback' | 'multipart' | 'sse' | 'json';

interface Range {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

/** The media ranges of an `Accept` header (RFC 9110 section 12.5.1), best first. */
function rangesOf(accept: string): Range[] {
  // It is read before the caller is known.
  if (accept.length > LIMITS.acceptCharacters) return [];
  const ranges = accept.split(',').map((range): Range => {
    const [type = '', ...rest] = range.split(';').map((part) => part.trim());
    const parameters = new Map(
      rest.map((parameter) => {
        const [name = '', value = ''] = parameter.split('=');
        return [name.toLowerCase(), value.replace(/^"(.*)"$/, '$1')];
      }),
    );
    return { type: type.toLowerCase(), parameters, quality: Number(parameters.get('q') ?? 1) };
  });
  return ranges.filter(({ quality }) => quality > 0).sort((one, other) => other.quality - one.quality);
}

function wayOf({ type, parameters }: Range): Acceptable | null {
  if (parameters.get('callbackspec') === '1.0') return 'callback';
  if (type === 'multipart/mixed') return parameters.get('subscriptionspec') === '1.0' ? 'multipart' : null;
  if (type === 'text/event-stream') return 'sse';
  return /^application\/(graphql-response\+)?json$/.test(type) ? 'json' : null;
}

/** The formats that a request names, best first. Empty: it names none, or accepts anything. */
export function accepted(accept: string | undefined): Acceptable[] {
  const ways = rangesOf(accept ?? '').flatMap((range) => wayOf(range) ?? []);
  // Apollo Router appends the callback to the types that its client accepts.
  return ways.includes('callback') ? ['callback', ...ways] : ways;
}

const JSON_RANGE = /^(\*\/\*|application\/(\*|json|graphql-response\+json))$/;

/** Whether the client can read the answer to a query or mutation: as JSON, or as events, whose errors are JSON. */
export function readsAnswers(accept: string | undefined): boolean {
  if (accept === undefined || accepted(accept).includes('sse')) return true;
  return rangesOf(accept).some(({ type }) => JSON_RANGE.test(type));
}

/** Whether a request that names no streaming format accepts one all the same: any type, as curl does, or no header. */
export function takesAnything(accept: string | undefined): boolean {
  return accept === undefined || rangesOf(accept).some(({ type }) => type === '*/*' || type === 'text/*');
}
