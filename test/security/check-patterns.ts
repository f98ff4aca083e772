/**
 * Checks every regular expression of each folder for super-linear matching, and prints what it found as JSON.
 *
 * A program of its own: the checker's agent lives as long as the process that asked it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { parse } from '@swc/core';
import { check } from 'recheck';
import { LIMITS } from '../../src/limits.ts';

export interface Judgement {
  readonly checked: number;
  readonly faults: readonly string[];
  readonly error: string | null;
}

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
  if (makesPattern(tree))
    throw new Error(`${file}: a pattern that is put together cannot be checked; write it as a literal.`);
  if (tree['type'] === 'TsTypeReference') return [];
  return Object.values(tree).flatMap((child) => patternsIn(child, file));
}

/** Methods that make a pattern of a text: with a literal, or a constant of one, they make none. */
const MATCHERS = new Set(['match', 'matchAll', 'search']);
const CONSTANT = /^[A-Z][A-Z_]*$/;

interface Member {
  readonly property?: { readonly value?: unknown; readonly expression?: { readonly value?: unknown } };
}

/** Whether it names `RegExp`, by whatever way, or has a method make a pattern of something else. */
function makesPattern(node: Record<string, unknown>): boolean {
  const { type, value } = node;
  if ((type === 'Identifier' || type === 'StringLiteral') && value === 'RegExp') return true;
  if (type !== 'CallExpression') return false;
  const { callee, arguments: given } = node as {
    callee: Member & { base?: Member };
    arguments?: readonly { expression: { type: string; value?: unknown } }[];
  };
  const property = (callee.base ?? callee).property;
  const name = property?.value ?? property?.expression?.value;
  const first = given?.[0]?.expression;
  if (!first || !MATCHERS.has(String(name)) || first.type === 'RegExpLiteral') return false;
  return !(first.type === 'Identifier' && CONSTANT.test(String(first.value)));
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

/** It counts what it reads: a limit of time would call a pattern slow where the machine is. */
const LIMITED_BY_COUNTS = {
  timeout: null,
  attackTimeout: null,
  incubationTimeout: null,
  seedingTimeout: null,
} as const;

/** What is wrong with a pattern; null for nothing. */
async function faultOf({ file, source, flags }: Pattern): Promise<string | null> {
  if (flags.includes('v') && (BOUNDED[file] ?? Number.POSITIVE_INFINITY) <= 100) return null;
  const { status } = await check(source, flags, LIMITED_BY_COUNTS);
  return status === 'safe' ? null : `${file}: /${source}/${flags} is ${status}`;
}

/** What is found in a folder; the error when a pattern of it cannot be checked. */
async function judge(folder: string): Promise<Judgement> {
  try {
    const patterns = await patternsOf(folder);
    const faults = await Promise.all(patterns.map(faultOf));
    return { checked: patterns.length, faults: faults.filter((fault) => fault !== null), error: null };
  } catch (error) {
    return { checked: 0, faults: [], error: (error as Error).message };
  }
}

process.stdout.write(JSON.stringify(await Promise.all(process.argv.slice(2).map(judge))));
