/** No pattern of the service takes a client hostage: each is checked for super-linear matching. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

async function check(folder: string): Promise<{ readonly checked: number; readonly faults: readonly string[] }> {
  const words = ['--no-warnings', 'test/security/check-patterns.ts', folder];
  return JSON.parse((await run(process.execPath, words, { cwd: ROOT })).stdout);
}

describe('patterns over what clients send', () => {
  it('are found wherever they stand, and judged', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'realtime-patterns-'));
    // The second is the one that took 25 s for 200 KB.
    const source = 'const one = /^(a+)+$/u; const two = [() => / ?Did you mean .+\\?$/]; const three = /^a+$/;';
    writeFileSync(join(folder, 'some.ts'), source);
    const { checked, faults } = await check(folder);
    expect(checked).toBe(3);
    expect(faults.map((fault) => fault.replace(/^.*\/[gimsuvy]* is /, ''))).toEqual(['vulnerable', 'vulnerable']);
    rmSync(folder, { recursive: true });
  });

  it.each([
    'const Pattern = RegExp; new Pattern(text);',
    'new globalThis.RegExp(text);',
    "new globalThis['RegExp'](text);",
    "text.match('^(a+)+$');",
    'text.matchAll(`^(a+)+$`);',
    'text?.search(given);',
    "text['match'](given.pattern);",
  ])('are written as literals: %s is refused', async (source) => {
    const folder = mkdtempSync(join(tmpdir(), 'realtime-patterns-'));
    writeFileSync(join(folder, 'some.ts'), source);
    await expect(check(folder)).rejects.toThrow('cannot be checked');
    rmSync(folder, { recursive: true });
  });

  it('take time in proportion to their input', async () => {
    const { checked, faults } = await check('src');
    expect(checked).toBeGreaterThan(20);
    expect(faults).toEqual([]);
  });
});
