/** The folder of what this process stores: closed to every other user of the machine. */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER_MODE = 0o700;
export const FILE_MODE = 0o600;
/** Of a folder that everybody may write to, such as `/tmp`: it is not ours to close. */
const STICKY = 0o1000;

/** What SQLite keeps beside a database; it gives them the mode of the database. */
const BESIDE = ['', '-wal', '-shm', '-journal'];

/** A folder of an orchestrator's volume belongs to root: what we may not close is left, its files are closed. */
function close(path: string, mode: number): void {
  try {
    chmodSync(path, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EPERM' && code !== 'EROFS') throw error;
  }
}

/** Makes the folder unless it is there, and takes from others what rights they had. */
export function openDataFolder(dataDir: string): void {
  mkdirSync(dataDir, { recursive: true, mode: FOLDER_MODE });
  if ((statSync(dataDir).mode & STICKY) === 0) close(dataDir, FOLDER_MODE);
}

/** The path of a database in the folder, which only this user can read; the file is made when there is none. */
export function privateDatabase(dataDir: string, name: string): string {
  openDataFolder(dataDir);
  const path = join(dataDir, name);
  closeSync(openSync(path, 'a', FILE_MODE));
  for (const file of BESIDE.map((ending) => `${path}${ending}`)) if (existsSync(file)) close(file, FILE_MODE);
  return path;
}

/** Takes the rights of others from a file that may have been made by an older version. */
export function closeFile(path: string): void {
  close(path, FILE_MODE);
}
