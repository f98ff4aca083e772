/** A client of `/ws`: frames out, frames in, in queues that can be waited for. */
import { eventually, NoLonger } from './eventually.ts';
import type { Data, TestService, TokenClaims } from './service.ts';
import { openSocket, type RawSocket } from './socket.ts';

export interface RawClient extends RawSocket {
  /** Sends a frame and answers what comes back for it. */
  ask(type: string, data?: unknown): Promise<Data>;
  /** The data of all frames of a type, once there are so many. */
  received(type: string, count: number): Promise<Data[]>;
  of(type: string): Data[];
  close(): Promise<number>;
}

let asked = 0;

/** Connected, once resolved; the first frame says so. */
export async function connectRaw(
  service: Pick<TestService, 'url' | 'token'>,
  userId: string,
  claims: TokenClaims = {},
  query = '',
): Promise<RawClient> {
  const token = await service.token(userId, claims);
  const url = `${service.url.replace('http', 'ws')}/ws?token=${token}${query}`;
  const socket = await openSocket(url, []);
  const of = (type: string): Data[] => socket.frames.filter((frame) => frame.type === type).map(({ data }) => data);
  await socket.frame(0);
  let end: number | null = null;
  void socket.closed.then((code) => {
    end = code;
  });
  return {
    ...socket,
    of,
    async ask(type, data) {
      asked += 1;
      const id = `ask-${asked}`;
      socket.send({ type, data, id });
      return eventually(() => {
        const answer = socket.frames.find((frame) => frame.id === id);
        if (answer) return answer;
        const fault = `No answer to ${type} among ${JSON.stringify(socket.frames)}`;
        throw end === null ? new Error(fault) : new NoLonger(`${fault}, then closed with ${end}`);
      });
    },
    received: (type, count) =>
      eventually(() => {
        if (of(type).length < count) throw new Error(`${of(type).length} of ${count} ${type}`);
        return of(type);
      }),
    close() {
      socket.socket.close();
      return socket.closed;
    },
  };
}
