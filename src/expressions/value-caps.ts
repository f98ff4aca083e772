/**
 * Caps the length of each string that an expression creates, intermediate ones included.
 *
 * V8's heap limit is not enough: it allows the first large value, and fails only at the next garbage collection. A fast
 * machine created a list of 30,000,000 items that way. JSONata caps lists itself, and only a large string can be split
 * into a large list at once.
 */
import jsonata from 'jsonata';
import { LIMITS } from '../limits.ts';

/** All functions of the language. Each result is checked, the texts in its lists too. */
export const FUNCTIONS =
  `sum count max min average string substring substringBefore substringAfter lowercase uppercase length trim pad match
  contains replace split join formatNumber formatBase formatInteger parseInteger number floor ceil round abs sqrt power
  random boolean not map zip filter single reduce sift keys lookup append exists spread merge reverse each error assert
  type sort shuffle distinct base64encode base64decode encodeUrlComponent encodeUrl decodeUrlComponent decodeUrl eval
  toMillis fromMillis clone`.split(/\s+/);

type Implementation = (this: unknown, ...args: unknown[]) => unknown;

interface NativeFunction {
  readonly implementation: Implementation;
}

/** The hook that the language calls after each step. */
const AFTER_STEP = Symbol.for('jsonata.__evaluate_exit') as unknown as string;

class TooLargeError extends Error {
  constructor() {
    super(`A text is longer than ${LIMITS.expressionTextCharacters} characters.`);
  }
}

function checkSize(value: unknown): void {
  if (typeof value === 'string' && value.length > LIMITS.expressionTextCharacters) throw new TooLargeError();
}

/** `characters` minus the length of the value as text. Stops below zero. */
function leftAfter(value: unknown, characters: number): number {
  if (typeof value === 'string') return characters - value.length;
  let left = characters - 1;
  if (typeof value !== 'object' || value === null) return left;
  for (const key in value) {
    if (left < 0) break;
    left = leftAfter((value as Record<string, unknown>)[key], left - key.length);
  }
  return left;
}

function checkText(value: unknown): void {
  if (leftAfter(value, LIMITS.expressionTextCharacters) < 0) throw new TooLargeError();
}

/** Checks before the call, for functions that create a large string in one step. */
const BEFORE: Readonly<Record<string, (...args: unknown[]) => void>> = {
  pad(_text, width) {
    if (Math.abs(Number(width)) > LIMITS.expressionTextCharacters) throw new TooLargeError();
  },
  join(texts, separator) {
    checkText(texts);
    const separators = Array.isArray(texts) ? texts.length * String(separator ?? '').length : 0;
    if (separators > LIMITS.expressionTextCharacters) throw new TooLargeError();
  },
};

function withCap(name: string, native: NativeFunction): NativeFunction {
  const { implementation } = native;
  const before = BEFORE[name];
  const checked = (result: unknown): unknown => {
    checkSize(result);
    return result;
  };
  function capped(this: unknown, ...args: unknown[]): unknown {
    before?.(...args);
    const result = implementation.apply(this, args);
    return result instanceof Promise ? result.then(checked) : checked(result);
  }
  // JSONata reads the number of arguments and their names from the function.
  Object.defineProperty(capped, 'length', { value: implementation.length });
  capped.toString = () => implementation.toString();
  return { ...native, implementation: capped };
}

const capped = await Promise.all(
  FUNCTIONS.map(async (name) => [name, withCap(name, await jsonata(`$${name}`).evaluate(null))] as const),
);

export function capValues(expression: jsonata.Expression): void {
  for (const [name, native] of capped) expression.assign(name, native);
  expression.assign(AFTER_STEP, (_expression: unknown, _input: unknown, _environment: unknown, result: unknown) =>
    checkSize(result),
  );
}

/**
 * Caps `JSON.stringify`, by which JSONata turns lists and objects into strings. Only for a process that does nothing
 * else.
 */
export function capJson(): void {
  const { stringify } = JSON;
  JSON.stringify = (...args: unknown[]) => {
    checkText(args[0]);
    return stringify(...(args as Parameters<typeof stringify>));
  };
}
