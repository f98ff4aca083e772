/** A socket in the data folder. Through it a command on this machine makes the running service write a backup. */
import { chmodSync, rmSync, statSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { FILE_MODE } from '../../data-folder.ts';
import { LIMITS } from '../../limits.ts';

export const CONTROL = 'control.sock';
export type CopyAnswer = { readonly bytes: number } | { readonly error: string };

/**
 * Returns a function that closes the socket. `fail` gets the error when it cannot be opened, since some volumes support
 * no sockets.
 */
export function openControl(
  dataDir: string,
  copyInto: (path: string) => Promise<void>,
  fail: (error: Error) => void,
): () => void {
  const path = join(dataDir, CONTROL);
  // This process owns the database, so an existing socket was left by a dead process.
  rmSync(path, { force: true });
  let turn = Promise.resolve();
  async function answer(file: string): Promise<CopyAnswer> {
    try {
      await copyInto(file);
      return { bytes: statSync(file).size };
    } catch (error) {
      return { error: (error as Error).message };
    }
  }
  function serve(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    socket.on('data', () => socket.bytesRead > LIMITS.controlCharacters && socket.destroy());
    createInterface({ input: socket }).once('line', (file) => {
      // Copies run one after the other.
      turn = turn.then(async () => void socket.end(`${JSON.stringify(await answer(file))}\n`));
    });
  }
  const server = createServer(serve);
  server.on('error', fail);
  server.listen(path, () => chmodSync(path, FILE_MODE));
  server.unref();
  return () => void server.close();
}
