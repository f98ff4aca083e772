/** No regular expression of the service is open to ReDoS: each is checked for super-linear matching. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Judgement } from './check-patterns.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** In one process: each loads a parser and a checker. */
async function check(folders: readonly string[]): Promise<Judgement[]> {
  const words = ['--no-warnings', 'test/security/check-patterns.ts', ...folders];
  return JSON.parse((await run(process.execPath, words, { cwd: ROOT })).stdout);
}

// The second is the one that took 25 s for 200 KB.
const JUDGED = 'const one = /^(a+)+$/u; const two = [() => / ?Did you mean .+\\?$/]; const three = /^a+$/;';
const NO_LITERALS = [
  'const Pattern = RegExp; new Pattern(text);',
  'new globalThis.RegExp(text);',
  "new globalThis['RegExp'](text);",
  "text.match('^(a+)+$');",
  'text.matchAll(`^(a+)+$`);',
  'text?.search(given);',
  "text['match'](given.pattern);",
];

describe('regular expressions over client input', () => {
  const folders: string[] = [];
  const judgements = new Map<string, Judgement>();
  beforeAll(async () => {
    const sources = [JUDGED, ...NO_LITERALS];
    for (const source of sources) {
      const folder = mkdtempSync(join(tmpdir(), 'realtime-patterns-'));
      writeFileSync(join(folder, 'some.ts'), source);
      folders.push(folder);
    }
    for (const [index, judgement] of (await check(['src', ...folders])).entries())
      judgements.set(['src', ...sources][index] ?? '', judgement);
  });
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true });
  });
  const of = (source: string): Judgement => judgements.get(source) as Judgement;

  it('are all found and checked', () => {
    const { checked, faults } = of(JUDGED);
    expect(checked).toBe(3);
    expect(faults.map((fault) => fault.replace(/^.*\/[gimsuvy]* is /, ''))).toEqual(['vulnerable', 'vulnerable']);
  });

  it.each(NO_LITERALS)('are written as literals: %s is refused', (source) => {
    expect(of(source).error).toContain('cannot be checked');
  });

  it('need time in proportion to their input', () => {
    const { checked, faults, error } = of('src');
    expect(error).toBeNull();
    expect(checked).toBeGreaterThan(20);
    expect(faults).toEqual([]);
  });
});
