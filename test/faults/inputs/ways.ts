/** One operation over each way that the service accepts operations. */
import { newId } from '../../support/service.ts';
import { openSocket } from '../../support/socket.ts';
import { OF_GATEWAY, type Target, withoutSecrets } from './input.ts';

export const ACCEPTS = {
  JSON: 'application/json',
  SSE: 'text/event-stream',
  multipart: 'multipart/mixed;subscriptionSpec=1.0, application/json',
  callback: 'application/json;callbackSpec=1.0',
} as const;

export type Way = keyof typeof ACCEPTS | 'graphql-ws';
export const WAYS = [...Object.keys(ACCEPTS), 'graphql-ws'] as readonly Way[];

/** An operation as a client sends it, or the text of one that no client would write. */
export type Request = string | { readonly query: unknown; readonly [key: string]: unknown };

const FIRST_CODE = /"code":"(\w+)"/;

export interface Asking {
  readonly userId?: string;
  /** Sent by no gateway, or by one of another secret. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The whole answer: of a stream until it ends, of a socket until the operation is over or the socket is. */
export async function answerBy(
  way: Way,
  target: Target,
  request: Request,
  { userId = newId(), headers = OF_GATEWAY }: Asking = {},
): Promise<string> {
  const token = await target.token(userId);
  if (way === 'graphql-ws') return withoutSecrets(await answerOfSocket(target, token, request, headers));
  const response = await fetch(`${target.url}/graphql`, {
    method: 'POST',
    headers: {
      accept: ACCEPTS[way],
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      ...headers,
    },
    body: typeof request === 'string' ? request : JSON.stringify({ ...callbackOf(way, target), ...request }),
  });
  expect(response.status).toBeLessThan(500);
  return withoutSecrets(await response.text());
}

function callbackOf(way: Way, { router }: Target): object {
  if (way !== 'callback') return {};
  const subscriptionId = newId();
  const callbackUrl = `${router.url}/callback/${subscriptionId}`;
  return { extensions: { subscription: { callbackUrl, subscriptionId, verifier: 'v', heartbeatIntervalMs: 0 } } };
}

async function answerOfSocket(
  target: Target,
  token: string,
  request: Request,
  headers: Readonly<Record<string, string>>,
): Promise<string> {
  const socket = await openSocket(target.wsUrl, ['graphql-transport-ws'], { ...headers });
  socket.send({ type: 'connection_init', payload: { token } });
  await socket.frame(0);
  const payload = typeof request === 'string' ? request : JSON.stringify(request);
  const over = new Promise<null>((resolve) =>
    socket.socket.on('message', () => {
      const last = socket.frames.at(-1);
      if (last?.type === 'error' || last?.type === 'complete') resolve(null);
    }),
  );
  socket.send(`{"type":"subscribe","id":"bad","payload":${payload}}`);
  const code = await Promise.race([over, socket.closed]);
  socket.socket.terminate();
  const frames = JSON.stringify(socket.frames.slice(1));
  return code === null ? frames : `${frames}"code":"${code}"`;
}

/** The first code of the answer, or the code the socket was closed with; OK: there is none. */
export async function codeBy(way: Way, target: Target, request: Request, asking?: Asking): Promise<string> {
  return FIRST_CODE.exec(await answerBy(way, target, request, asking))?.[1] ?? 'OK';
}

export type Codes = Readonly<Partial<Record<Way, string>>>;

/** The codes of one request by each way. */
export async function codesBy(
  target: Target,
  request: Request,
  asking?: Asking,
  ways: readonly Way[] = WAYS,
): Promise<Codes> {
  const codes = ways.map(async (way) => [way, await codeBy(way, target, request, asking)] as const);
  return Object.fromEntries(await Promise.all(codes));
}

/** The same code by each way, but for those named. */
export const everywhere = (code: string, exceptions: Codes = {}): Codes => ({
  ...Object.fromEntries(WAYS.map((way) => [way, code])),
  ...exceptions,
});
