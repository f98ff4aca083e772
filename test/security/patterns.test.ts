/** No pattern of the service takes a client hostage: each is checked for super-linear matching. */
import { readdirSync, readFileSync } from 'node:fs';
import { parse } from '@swc/core';
import { check } from 'recheck';
import { LIMITS } from '../../src/limits.ts';

interface Pattern {
  readonly file: string;
  readonly source: string;
  readonly flags: string;
}

const isNode = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Every regular expression that a source text names, found in its syntax tree. */
function patternsIn(tree: unknown, file: string): Pattern[] {
  if (!isNode(tree)) return [];
  if (tree['type'] === 'RegExpLiteral') {
    return [{ file, source: String(tree['pattern']), flags: String(tree['flags']) }];
  }
  const { type, callee } = tree as { type?: unknown; callee?: { value?: unknown } };
  if ((type === 'NewExpression' || type === 'CallExpression') && callee?.value === 'RegExp') {
    throw new Error(`${file}: a pattern that is put together cannot be checked; write it as a literal.`);
  }
  return Object.values(tree).flatMap((child) => patternsIn(child, file));
}

async function patternsOf(folder: string): Promise<Pattern[]> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const trees = await Promise.all(
    files.map(async (file) => ({
      file,
      tree: await parse(readFileSync(`${folder}/${file}`, 'utf8'), { syntax: 'typescript', target: 'es2023' }),
    })),
  );
  return trees.flatMap(({ file, tree }) => patternsIn(tree, file));
}

/** Patterns with properties of strings, which the checker does not know: they are given this many characters at most. */
const BOUNDED: Readonly<Record<string, number>> = { 'domain/emoji.ts': LIMITS.emojiCharacters };

describe('patterns over what clients send', () => {
  it('finds what it is to find', async () => {
    const tree = await parse('const one = /^(a+)+$/u; one.test("");', { syntax: 'typescript' });
    expect(patternsIn(tree, 'here')).toEqual([{ file: 'here', source: '^(a+)+$', flags: 'u' }]);
    expect((await check('^(a+)+$', 'u')).status).toBe('vulnerable');
    // The one that took 25 s for 200 KB.
    expect((await check(' ?Did you mean .+\\?$', '')).status).toBe('vulnerable');
  });

  it('take time in proportion to their input', async () => {
    const patterns = await patternsOf('src');
    expect(patterns.length).toBeGreaterThan(20);
    const faults: string[] = [];
    for (const { file, source, flags } of patterns) {
      if (flags.includes('v') && (BOUNDED[file] ?? Number.POSITIVE_INFINITY) <= 100) continue;
      const found = await check(source, flags, { timeout: 60_000 });
      if (found.status !== 'safe') faults.push(`${file}: /${source}/${flags} is ${found.status}`);
    }
    expect(faults).toEqual([]);
  }, 300_000);
});
