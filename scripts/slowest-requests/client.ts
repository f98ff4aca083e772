/** The other side of `slowest-requests.ts`: sends what it is told to, and answers what came back. */
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

/** Sends all frames at once; over when nothing more comes. */
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

process.on('message', (request: Told) => {
  const answering = request.frames ? speak(request) : ask(request);
  answering.then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.(String(error)),
  );
});
process.send?.('ready');
