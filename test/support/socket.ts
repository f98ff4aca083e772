/** A web socket as frames, for those who speak a protocol by hand. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { eventually, NoLonger, PATIENCE_MS } from './eventually.ts';
import type { Data } from './service.ts';

export interface RawSocket {
  readonly socket: WebSocket;
  readonly frames: Data[];
  /** The code it was closed with. */
  readonly closed: Promise<number>;
  send(frame: unknown): void;
  /** The frame at an index, once it is there. */
  frame(index: number): Promise<Data>;
}

export async function openSocket(
  url: string,
  protocols: readonly string[],
  headers: Record<string, string> = {},
): Promise<RawSocket> {
  // By itself it waits 30 s for the answer to its goodbye, and leaves without one: to the service it then broke off.
  const options = { headers, closeTimeout: PATIENCE_MS };
  const socket = new WebSocket(url, [...protocols], options);
  const frames: Data[] = [];
  socket.on('message', (data: Buffer) => frames.push(JSON.parse(data.toString())));
  socket.on('error', () => undefined);
  let end = '';
  const closed = new Promise<number>((resolve) =>
    socket.once('close', (code, reason) => {
      end = `${code} ${reason}`;
      resolve(code);
    }),
  );
  await once(socket, 'open');
  return {
    socket,
    frames,
    closed,
    send: (frame) => socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    frame: (index) =>
      eventually(() => {
        if (frames[index]) return frames[index];
        if (socket.readyState === socket.CLOSED) throw new NoLonger(`Closed with ${end} without a frame ${index}.`);
        throw new Error(`No frame ${index} yet.`);
      }),
  };
}
