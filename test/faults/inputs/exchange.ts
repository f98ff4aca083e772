/** Requests as bytes on a TCP socket, and bodies in each form that HTTP answers. */
import { connect } from 'node:net';
import { newId } from '../../support/service.ts';
import { type Target, withoutSecrets } from './input.ts';
import { ACCEPTS } from './ways.ts';

export const BODY = '{"query":"{ viewer { id } }"}';

/** Everything that is answered until the connection is closed, or until `isEnough`. */
export function exchange(
  { port }: Pick<Target, 'port'>,
  bytes: string | Buffer,
  isEnough: (text: string) => boolean = () => false,
): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    const done = (): void => {
      socket.destroy();
      resolve(text);
    };
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (isEnough(text)) done();
    });
    socket.on('error', done).on('close', done);
    socket.write(bytes);
  });
}

export const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0);

/** The status of the answer; 0: the connection was closed without one. */
export async function statusFor(target: Target, bytes: string | Buffer): Promise<number> {
  return statusOf(withoutSecrets(await exchange(target, bytes, (text) => text.includes('\r\n\r\n'))));
}

export const head = (line: string, ...headers: readonly string[]): string => [line, ...headers, '', ''].join('\r\n');

export const postHead = (token: string, ...headers: readonly string[]): string =>
  head(
    'POST /graphql HTTP/1.1',
    'Host: x',
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    ...headers,
  );

export const upgradeHead = (path: string, ...headers: readonly string[]): string =>
  head(
    `GET ${path} HTTP/1.1`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    ...(path === '/graphql' ? ['Sec-WebSocket-Protocol: graphql-transport-ws'] : []),
    ...headers,
  );

/** The different statuses of a body by each way that HTTP answers, the first code beside each: no gateway asks, which has none. */
export async function outcomesOf(
  target: Target,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>> = { 'content-type': 'application/json' },
): Promise<string[]> {
  const authorization = `Bearer ${await target.token(newId())}`;
  const outcomes = Object.values(ACCEPTS).map(async (accept) => {
    const response = await fetch(`${target.url}/graphql`, {
      method: 'POST',
      headers: { accept, authorization, ...headers },
      body,
    });
    const text = withoutSecrets(await response.text());
    return `${response.status} ${/"code":"(\w+)"/.exec(text)?.[1] ?? ''}`.trim();
  });
  return [...new Set(await Promise.all(outcomes))].sort();
}
