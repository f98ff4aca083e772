/** The process of `slowest-requests.ts` that sends the requests, and returns the answers. */
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import type { Request } from './requests.ts';

type Told = Request & { readonly url: string };

async function ask({ url, path, headers, body }: Told): Promise<string> {
  const response = await fetch(`${url}${path ?? '/graphql'}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  const code = /"code":"(\w+)"/.exec(text.slice(0, 2_000))?.[1];
  return `${response.status}${code ? ` ${code}` : ''}, ${text.length} characters`;
}

/** Sends all frames at once. Resolves when nothing more arrives. */
function speak({ url, path, protocol, frames = [] }: Told): Promise<string> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, protocol ? [protocol] : []);
    let characters = 0;
    let quiet: NodeJS.Timeout | undefined;
    const later = (): void => {
      clearTimeout(quiet);
      quiet = setTimeout(() => socket.terminate(), 300);
    };
    socket.on('open', () => {
      for (const frame of frames) socket.send(frame);
      later();
    });
    socket.on('message', (data: Buffer) => {
      characters += data.length;
      later();
    });
    socket.on('error', () => undefined);
    socket.on('close', (code: number) => {
      clearTimeout(quiet);
      resolve(`socket ${code}, ${characters} characters`);
    });
  });
}

/** Resolves when nothing more arrives. */
function pipeline({ url, path, ahead = 1 }: Told): Promise<string> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    let answers = 0;
    let quiet: NodeJS.Timeout | undefined;
    const later = (): void => {
      clearTimeout(quiet);
      quiet = setTimeout(() => socket.destroy(), 300);
    };
    socket.on('connect', () => {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(ahead));
      later();
    });
    socket.on('data', (data: Buffer) => {
      answers += data.toString('latin1').split('HTTP/1.1 200').length - 1;
      later();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(quiet);
      resolve(`${answers} answers`);
    });
  });
}

process.on('message', (request: Told) => {
  const answering = request.frames ? speak(request) : request.ahead ? pipeline(request) : ask(request);
  answering.then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.(String(error)),
  );
});
process.send?.('ready');
