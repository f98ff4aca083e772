/** The router's side of the HTTP callback protocol: an endpoint that records its requests. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Data } from './service.ts';

export interface CallbackMessage {
  readonly headers: IncomingHttpHeaders;
  readonly path: string;
  readonly body: Data;
}

export interface CallbackRouter {
  readonly url: string;
  readonly messages: CallbackMessage[];
  /** The statuses it answers with; `silence` leaves the request open. */
  answer: (message: CallbackMessage) => number | 'silence';
  /** What arrived of an action, oldest first. */
  of(action: 'check' | 'next' | 'complete', id?: string): Data[];
  close(): Promise<void>;
}

/** What Apollo Router answers. */
export function apolloRouter({ body }: CallbackMessage): number {
  return { check: 204, next: 200, complete: 202 }[body.action as 'check' | 'next' | 'complete'];
}

export async function startCallbackRouter(answer: CallbackRouter['answer'] = apolloRouter): Promise<CallbackRouter> {
  const messages: CallbackMessage[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString() || 'null');
      const message = { headers: request.headers, path: request.url ?? '', body };
      messages.push(message);
      const status = router.answer(message);
      if (status === 'silence') return;
      const headers = {
        'subscription-protocol': 'callback/1.0',
        ...(status === 302 ? { location: '/elsewhere' } : {}),
      };
      response.writeHead(status, headers).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const router: CallbackRouter = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    messages,
    answer,
    of: (action, id) =>
      messages
        .map(({ body }) => body)
        .filter((body) => body?.action === action && (id === undefined || body.id === id)),
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
  return router;
}

interface CallbackSubscription {
  readonly callbackUrl: string;
  readonly subscriptionId: string;
  readonly verifier: string;
  readonly heartbeatIntervalMs: number;
}

/** The request for a subscription whose events come to `callbackUrl`, as a router sends it. */
export const callbackRequest = (token: string, operation: object, subscription: CallbackSubscription) => ({
  method: 'POST',
  headers: {
    'content-type': 'application/json',
    accept: 'application/json;callbackSpec=1.0',
    authorization: `Bearer ${token}`,
  },
  body: JSON.stringify({
    ...operation,
    extensions: { ...(operation as { readonly extensions?: object }).extensions, subscription },
  }),
});

export const subscribeByCallback = (
  serviceUrl: string,
  token: string,
  operation: object,
  subscription: CallbackSubscription,
  signal: AbortSignal | null = null,
): Promise<globalThis.Response> =>
  fetch(`${serviceUrl}/graphql`, { ...callbackRequest(token, operation, subscription), signal });
