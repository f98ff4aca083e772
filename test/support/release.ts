/** The last release, as it was: its sources, on the libraries of its own lock file. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Where no tag names a release: the first, and its last commit. A later release is found by its tag, `v` and its version. */
export const FIRST_RELEASE = { version: '0.1.0', commit: '6bea4900dd379be557b634ab4ffd638ef34bf61b' } as const;

export interface Release {
  readonly version: string;
  readonly commit: string;
}

export interface ReleaseFolder {
  /** For `startProgram`. */
  readonly root: URL;
  close(): void;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const git = (...words: string[]): Buffer =>
  execFileSync('git', words, { cwd: ROOT, stdio: ['ignore', 'pipe', 'ignore'] });

/** Null: this checkout does not have its history, as a shallow clone or an archive. */
export function lastRelease(): Release | null {
  try {
    // Of the commit before this one: a checkout of a tag is compared with the release before it.
    const tag = git('describe', '--tags', '--abbrev=0', '--match', 'v[0-9]*', 'HEAD~1').toString().trim();
    return { version: tag.slice(1), commit: git('rev-list', '-1', tag).toString().trim() };
  } catch {
    // No tag.
  }
  try {
    git('cat-file', '-e', `${FIRST_RELEASE.commit}:src/main.ts`);
    return FIRST_RELEASE;
  } catch {
    return null;
  }
}

/** Writes a release to a folder of its own, and installs what it runs on. */
export function openRelease({ commit }: Release): ReleaseFolder {
  const folder = mkdtempSync(join(tmpdir(), 'realtime-release-'));
  const packed = execFileSync(
    'git',
    ['archive', commit, 'src', 'schema', 'package.json', 'package-lock.json', '.npmrc'],
    {
      cwd: ROOT,
      maxBuffer: 64 * 1_048_576,
    },
  );
  execFileSync('tar', ['-x', '-C', folder], { input: packed });
  execFileSync('npm', ['ci', '--omit=dev', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'], {
    cwd: folder,
    stdio: 'ignore',
  });
  return { root: pathToFileURL(`${folder}/`), close: () => rmSync(folder, { recursive: true, force: true }) };
}
