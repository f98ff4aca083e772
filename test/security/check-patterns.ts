/**
 * Checks every regular expression of `src` for super-linear matching, and prints what it found as JSON.
 *
 * A program of its own: the checker's agent lives as long as the process that asked it.
 */
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

/** What is wrong with a pattern; null for nothing. */
async function faultOf({ file, source, flags }: Pattern): Promise<string | null> {
  if (flags.includes('v') && (BOUNDED[file] ?? Number.POSITIVE_INFINITY) <= 100) return null;
  const { status } = await check(source, flags, { timeout: 60_000 });
  return status === 'safe' ? null : `${file}: /${source}/${flags} is ${status}`;
}

const [folder = 'src'] = process.argv.slice(2);
const patterns = await patternsOf(folder);
const faults = await Promise.all(patterns.map(faultOf));
process.stdout.write(JSON.stringify({ checked: patterns.length, faults: faults.filter((fault) => fault !== null) }));
