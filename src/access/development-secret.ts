/** The signing secret of development, created once and stored in the data folder. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { closeFile, FILE_MODE, openDataFolder } from '../data-folder.ts';

const NAME = 'development-secret';

/** Whether this data folder has a secret. Before the first start, and for `:memory:`, there is none. */
export const hasDevelopmentSecret = (dataDir: string): boolean => existsSync(join(dataDir, NAME));

/** The secret of this data folder; a new one each time for `:memory:`. */
export function developmentSecret(dataDir: string): string {
  if (dataDir === ':memory:') return randomBytes(32).toString('base64url');
  openDataFolder(dataDir);
  const file = join(dataDir, NAME);
  try {
    // Fails when the file exists, so that two concurrent starts use one secret.
    writeFileSync(file, randomBytes(32).toString('base64url'), { flag: 'wx', mode: FILE_MODE });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  closeFile(file);
  return readFileSync(file, 'utf8').trim();
}
