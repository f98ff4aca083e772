/** Requests that no client makes. */
import { once } from 'node:events';
import { connect } from 'node:net';

/** The status of the answer to these bytes. */
export async function statusOf(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(bytes);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return answer.toString().slice(9, 12);
}
