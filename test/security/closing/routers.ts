/** Routers of the HTTP callback protocol, all at one address: one for each subscription. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { callbackRequest } from '../../support/callback-router.ts';
import { type Asked, operationOf, type PeerClient } from './peers.ts';
import { request } from './request.ts';
import type { Node } from './start-node.ts';

/** Answers one request at a time, and none while it does not read. */
class Router implements PeerClient {
  isAccepted = false;
  isGone = false;
  read = 0;
  #isReading = true;
  #status = 204;
  readonly #held = new Set<ServerResponse>();

  take(response: ServerResponse, bytes: number): void {
    if (this.isGone) return void response.destroy();
    this.read += bytes;
    this.#held.add(response.once('close', () => this.#held.delete(response)));
    if (this.#isReading) this.#answer();
  }

  stopReading(): void {
    this.#isReading = false;
  }

  resumeReading(): void {
    this.#isReading = true;
    this.#answer();
  }

  /** It does not know the subscription any more. */
  leave(): void {
    this.#status = 404;
  }

  halfClose(): void {
    this.reset();
  }

  reset(): void {
    this.isGone = true;
    for (const response of this.#held) response.destroy();
  }

  #answer(): void {
    for (const response of this.#held)
      response.writeHead(this.#status, { 'subscription-protocol': 'callback/1.0' }).end();
    this.#held.clear();
  }
}

export interface Routers {
  /** What `CALLBACK_ALLOWED_URLS` is to name. */
  readonly url: string;
  open(node: Pick<Node, 'url'>, asked: Asked): PeerClient;
  close(): void;
}

export async function startRouters(): Promise<Routers> {
  const routers: Router[] = [];
  const server = createServer((request, response) => {
    const router = routers[Number(request.url?.slice(1))];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.on('end', () => router?.take(response, bytes));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    open(node, asked) {
      const router = new Router();
      const callbackUrl = `${url}/${routers.push(router) - 1}`;
      void subscribe(node, asked, callbackUrl).then((isAccepted) => {
        router.isAccepted = isAccepted;
      });
      return router;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function subscribe(node: Pick<Node, 'url'>, asked: Asked, callbackUrl: string): Promise<boolean> {
  const subscription = { callbackUrl, subscriptionId: 'one', verifier: 'secret', heartbeatIntervalMs: 1_000 };
  try {
    const { status } = await request(
      `${node.url}/graphql`,
      callbackRequest(asked.token, operationOf(asked), subscription),
    );
    return status === 200;
  } catch (error) {
    // The service has ended meanwhile.
    if (!('code' in (error as Error)) && (error as Error).message !== 'aborted') throw error;
    return false;
  }
}
