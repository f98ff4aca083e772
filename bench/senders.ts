/** Members of the conversation that send the next message after each answer. */
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { WebSocket } from 'ws';
import { userOf } from './audience.ts';
import { contentOf, conversationName, nowMicros } from './payload.ts';
import { signTokens } from './tokens.ts';

/** The number of concurrent mutations. */
export const WINDOW = 16;

const documentOf = (extra: string): string => `mutation ($content: String!) {
  sendMessage(input: {conversationId: "${conversationName(0)}", content: $content${extra}}) { id sequence }
}`;
const SEND = documentOf('');
const SEND_WITH_KEY = documentOf(', clientMessageId: $key').replace(
  '$content: String!',
  '$content: String!, $key: ID!',
);

export interface Sender {
  /** Resolves once all are answered; rejects at the first error. */
  send(count: number): Promise<void>;
  close(): void;
}

const isError = (answer: string | Buffer): boolean => answer.includes('"errors"') || answer.includes('"type":"error"');

export class SocketSender implements Sender {
  readonly #socket: WebSocket;
  readonly #hasKeys: boolean;
  /** Counts over all rounds, so that each key is used once. */
  #sent = 0;

  private constructor(socket: WebSocket, hasKeys: boolean) {
    this.#socket = socket;
    this.#hasKeys = hasKeys;
  }

  /** @param hasKeys whether each message has a `clientMessageId` of 36 characters */
  static async connect(port: number, hasKeys = false): Promise<SocketSender> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    const [token] = await signTokens([userOf(0)]);
    socket.send(JSON.stringify({ type: 'connection_init', payload: { token } }));
    await once(socket, 'message');
    return new SocketSender(socket, hasKeys);
  }

  send(count: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let sent = 0;
    let completed = 0;
    const sendNext = (): void => {
      sent += 1;
      this.#sent += 1;
      const content = contentOf(0, sent, nowMicros());
      const payload = this.#hasKeys
        ? { query: SEND_WITH_KEY, variables: { content, key: String(this.#sent).padStart(36, '0') } }
        : { query: SEND, variables: { content } };
      this.#socket.send(JSON.stringify({ id: String(sent), type: 'subscribe', payload }));
    };
    const onMessage = (data: Buffer): void => {
      if (isError(data)) reject(new Error(data.toString()));
      if (!data.includes('"type":"complete"')) return;
      completed += 1;
      if (completed === count) resolve();
      else if (sent < count) sendNext();
    };
    this.#socket.on('message', onMessage).once('close', () => reject(new Error('the sender was closed')));
    for (let n = 0; n < Math.min(WINDOW, count); n += 1) sendNext();
    return promise.finally(() => this.#socket.off('message', onMessage));
  }

  close(): void {
    this.#socket.terminate();
  }
}

export class HttpSender implements Sender {
  readonly #port: number;
  readonly #token: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: WINDOW });

  private constructor(port: number, token: string) {
    this.#port = port;
    this.#token = token;
  }

  static async connect(port: number): Promise<HttpSender> {
    const [token = ''] = await signTokens([userOf(0)]);
    return new HttpSender(port, token);
  }

  async send(count: number): Promise<void> {
    let sent = 0;
    const sendOn = async (): Promise<void> => {
      while (sent < count) {
        sent += 1;
        await this.#post(JSON.stringify({ query: SEND, variables: { content: contentOf(0, sent, nowMicros()) } }));
      }
    };
    await Promise.all(Array.from({ length: WINDOW }, sendOn));
  }

  #post(body: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const headers = {
      authorization: `Bearer ${this.#token}`,
      'content-type': 'application/json',
      'content-length': body.length,
    };
    const options = { host: '127.0.0.1', port: this.#port, path: '/graphql', method: 'POST', agent: this.#agent };
    const call = request({ ...options, headers }, (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        answer += text;
      });
      response.once('end', () =>
        isError(answer) || !answer.includes('"sequence"') ? reject(new Error(answer)) : resolve(),
      );
    });
    call.once('error', reject);
    call.end(body);
    return promise;
  }

  close(): void {
    this.#agent.destroy();
  }
}
