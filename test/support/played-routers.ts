/** The routers' sides of a subscription, as their sources write them: what goes over the wire is theirs, byte for byte. */
import { type CallbackRouter, startCallbackRouter } from './callback-router.ts';
import { eventually } from './eventually.ts';
import { openStream, type RawStream } from './http-stream.ts';
import { type Data, newId, type TestService } from './service.ts';
import { openSocket, type RawSocket } from './socket.ts';

export interface Asked {
  readonly token: string | null;
  /** `Router-Authorization`; null: this caller proves nothing. */
  readonly secret: string | null;
  readonly query: string;
  readonly variables?: object;
}

/** What a router has learnt of its subscription so far. */
export interface Told {
  /** Of HTTP; null on a socket. */
  readonly status: number | null;
  /** Payloads of events. */
  readonly data: Data[];
  /** Errors inside the operation. */
  readonly errors: Data[];
  /** How it ended: the code of a close, or of HTTP; null while it lasts. */
  readonly end: number | 'whole' | 'broken' | null;
}

export interface Played {
  readonly told: Told;
  /** What came, as it was written. */
  readonly text: string;
  stop(): void;
}

export type Play = (service: TestService, asked: Asked) => Promise<Played>;

const bearer = (token: string | null): Record<string, string> =>
  token === null ? {} : { authorization: `Bearer ${token}` };
const proof = (secret: string | null): Record<string, string> =>
  secret === null ? {} : { 'router-authorization': secret };

function playedSocket(raw: RawSocket, id: string): Played {
  let end: Told['end'] = null;
  raw.closed.then((code) => {
    end = code;
  });
  const of = (type: string): Data[] => raw.frames.filter((frame) => frame.id === id && frame.type === type);
  return {
    get told() {
      return {
        status: null,
        data: of('next').flatMap(({ payload }) => payload.data ?? []),
        errors: [
          ...of('next').flatMap(({ payload }) => payload.errors ?? []),
          ...of('error').flatMap(({ payload }) => payload),
        ],
        end,
      };
    },
    get text() {
      return raw.frames.map((frame) => JSON.stringify(frame)).join('\n');
    },
    stop: () => raw.socket.terminate(),
  };
}

/** A socket, its init and one subscription, written in one go as routers do. */
async function playSocket(
  service: TestService,
  protocols: string[],
  headers: Record<string, string>,
  init: object | undefined,
  id: string,
  payload: object,
): Promise<Played> {
  const raw = await openSocket(service.wsUrl, protocols, headers);
  const played = playedSocket(raw, id);
  raw.send({ type: 'connection_init', ...(init === undefined ? {} : { payload: init }) });
  // Routers wait for the acknowledgement, and subscribe to nothing without one.
  await Promise.race([raw.frame(0), raw.closed]);
  if (raw.frames[0]?.type !== 'connection_ack') return played;
  raw.send({ id, type: 'subscribe', payload });
  // Frames are handled in order: the subscription is accepted, or refused, when this is answered.
  raw.send({ type: 'ping' });
  await eventually(() => expect(raw.frames.some(({ type }) => type === 'pong')).toBe(true));
  return played;
}

const bodiesOfParts = (text: string): Data[] =>
  text
    .split('\r\n--graphql')
    .slice(1)
    .flatMap((part) => (part.includes('{') ? [JSON.parse(part.split('\r\n\r\n')[1] ?? '')] : []));

const bodiesOfEvents = (text: string): Data[] =>
  [...text.matchAll(/event: next\ndata: (.*)\n\n/g)].map(([, json = '']) => JSON.parse(json));

function playedStream(stream: RawStream): Played {
  const bodies = (): Data[] => {
    const type = stream.headers.get('content-type') ?? '';
    if (type.startsWith('text/event-stream')) return bodiesOfEvents(stream.text);
    if (!type.startsWith('multipart/mixed')) return stream.end ? [JSON.parse(stream.text)] : [];
    return bodiesOfParts(stream.text).map(({ payload, errors }) => (errors ? { errors } : (payload ?? {})));
  };
  return {
    get told() {
      return {
        status: stream.status,
        data: bodies().flatMap(({ data }) => data ?? []),
        errors: bodies().flatMap(({ errors }) => errors ?? []),
        end: stream.end,
      };
    },
    get text() {
      return stream.text;
    },
    stop: () => stream.stop(),
  };
}

const playStream =
  (accept: string): Play =>
  async (service, { token, secret, query, variables = {} }) =>
    playedStream(await openStream(service, token, { query, variables }, { accept, ...proof(secret) }));

/** Where the routers of this file are called back: one endpoint, each subscription with an id of its own. */
let endpoint: Promise<CallbackRouter> | null = null;
export function callbackEndpoint(): Promise<CallbackRouter> {
  endpoint ??= startCallbackRouter(() => 204);
  return endpoint;
}

export async function closeCallbackEndpoint(): Promise<void> {
  await (await endpoint)?.close();
  endpoint = null;
}

/** Hive Router and Apollo Router: a request, and all that follows by requests the other way. */
const playCallback: Play = async (service, { token, secret, query, variables = {} }) => {
  const router = await callbackEndpoint();
  const subscriptionId = newId();
  const callbackUrl = `${router.url}/callback/${subscriptionId}`;
  const subscription = { callbackUrl, subscriptionId, verifier: 'verifier', heartbeatIntervalMs: 5_000 };
  const accept = 'application/json;callbackSpec=1.0';
  const answer = await openStream(
    service,
    token,
    { query, variables, extensions: { subscription } },
    { accept, ...proof(secret) },
  );
  return {
    get told(): Told {
      const completes = router.of('complete', subscriptionId);
      return {
        status: answer.status,
        data: router.of('next', subscriptionId).map(({ payload }) => payload.data),
        errors: completes.flatMap(({ errors }) => errors ?? []),
        end: completes.length > 0 ? 'whole' : null,
      };
    },
    get text() {
      return answer.text;
    },
    stop: () => answer.stop(),
  };
};

/** By the name of the router and its mode. */
export const PLAYS = {
  'Cosmo, ws': (service, { token, secret, query, variables = {} }) =>
    playSocket(
      service,
      ['graphql-transport-ws', 'graphql-ws'],
      proof(secret),
      token === null ? undefined : { Authorization: `Bearer ${token}` },
      'd1b8vkc3v2n0a0e4q7ag',
      { query, variables, extensions: { initialPayload: bearer(token) } },
    ),
  'Hive Router, websocket': (service, { token, secret, query, variables = {} }) =>
    playSocket(service, ['graphql-transport-ws'], {}, { ...bearer(token), ...proof(secret) }, '1', {
      query,
      operationName: null,
      variables,
      extensions: null,
    }),
  'Apollo Router, passthrough': (service, { token, secret, query, variables = {} }) =>
    playSocket(
      service,
      ['graphql-transport-ws'],
      { ...bearer(token), ...proof(secret) },
      token === null ? undefined : { connectionParams: { token: `Bearer ${token}` } },
      '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      { query, variables },
    ),
  'Cosmo, sse_post': playStream('text/event-stream'),
  'Hive Router, http': playStream('multipart/mixed;subscriptionSpec="1.0", text/event-stream'),
  callback: playCallback,
} as const satisfies Record<string, Play>;
