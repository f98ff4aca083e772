/** A socket in the data folder by which a command on this machine has the running service make a backup. */
import { chmodSync, rmSync, statSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { FILE_MODE } from '../../data-folder.ts';
import { LIMITS } from '../../limits.ts';

export const CONTROL = 'control.sock';
export type Answer = { readonly bytes: number } | { readonly error: string };

/** Answers what closes it. `fail` is told why there is none: some volumes hold no sockets. */
export function openControl(
  dataDir: string,
  copyInto: (path: string) => Promise<void>,
  fail: (error: Error) => void,
): () => void {
  const path = join(dataDir, CONTROL);
  // The database is ours alone, so one that is there was left by a process that is gone.
  rmSync(path, { force: true });
  let turn = Promise.resolve();
  async function answer(file: string): Promise<Answer> {
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
      // One copy at a time.
      turn = turn.then(async () => void socket.end(`${JSON.stringify(await answer(file))}\n`));
    });
  }
  const server = createServer(serve);
  server.on('error', fail);
  server.listen(path, () => chmodSync(path, FILE_MODE));
  server.unref();
  return () => void server.close();
}
