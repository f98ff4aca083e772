/** The receiver of a webhook: an HTTP server that checks signatures and records its requests. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { Data } from './service.ts';

export interface ReceivedEvent {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The CloudEvent. */
  readonly event: Data;
  /** The status it was answered with; null: it was not. */
  readonly status: number | null;
}

export interface WebhookReceiver {
  readonly port: number;
  readonly received: readonly ReceivedEvent[];
  /** The status that an event is answered with; null leaves the request open. */
  answer: (event: Data) => number | null;
  /** Payloads of what was taken, in order. */
  taken(): unknown[];
  /** Whether a signature of it is by this secret. */
  isSigned(received: ReceivedEvent, secret: string): boolean;
  close(): Promise<void>;
}

export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const received: ReceivedEvent[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const event = JSON.parse(text || 'null') as Data;
      const status = receiver.answer(event);
      received.push({ headers: request.headers, text, event, status });
      if (status === null) return;
      response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end('an answer');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const receiver: WebhookReceiver = {
    port: (server.address() as AddressInfo).port,
    received,
    answer: () => 204,
    taken: () => received.flatMap(({ event, status }) => (status === 204 ? [event.data.payload] : [])),
    isSigned({ text, headers }, secret) {
      try {
        new Webhook(secret).verify(text, headers as Record<string, string>);
        return true;
      } catch {
        return false;
      }
    },
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
  return receiver;
}
