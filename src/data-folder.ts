/** The folder of the service's data, accessible to no other user of the machine. */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER_MODE = 0o700;
export const FILE_MODE = 0o600;
/** The mode bit of a shared folder such as `/tmp`, whose rights must not change. */
const STICKY = 0o1000;

/** Files that SQLite keeps beside a database; it gives them the mode of the database. */
const BESIDE = ['', '-wal', '-shm', '-journal'];

/** Restricts a path. The folder of an orchestrator's volume belongs to root: it is not changed, only its files are restricted. */
function close(path: string, mode: number): void {
  try {
    chmodSync(path, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EPERM' && code !== 'EROFS') throw error;
  }
}

/** Creates the folder if necessary, and removes the rights of others. */
export function openDataFolder(dataDir: string): void {
  mkdirSync(dataDir, { recursive: true, mode: FOLDER_MODE });
  if ((statSync(dataDir).mode & STICKY) === 0) close(dataDir, FOLDER_MODE);
}

/** The path of a database in the folder, readable for this user only; the file is created if necessary. */
export function privateDatabase(dataDir: string, name: string): string {
  openDataFolder(dataDir);
  const path = join(dataDir, name);
  closeSync(openSync(path, 'a', FILE_MODE));
  for (const file of BESIDE.map((ending) => `${path}${ending}`)) if (existsSync(file)) close(file, FILE_MODE);
  return path;
}

/** Removes the rights of others from a file that an older version may have created. */
export function closeFile(path: string): void {
  close(path, FILE_MODE);
}
