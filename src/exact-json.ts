/**
 * Numbers that a double does not hold (RFC 8259 section 6).
 *
 * `12345678901234567890` would come out as another number: such input is refused
 * rather than changed. Another spelling of the same double is no change: Java
 * writes `4.9E-324` and Python `0.10000000000000001`.
 */
import { LIMITS } from './limits.ts';

/** So few digits are always held; a longer run, or an exponent, is looked at. */
const SUSPECT = /[\d.]{16,}|\d[eE]/;
const NUMBER = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Any double is told from all others by so many significant digits. */
const DIGITS_OF_DOUBLE = 17;
/** `toPrecision` writes no more. */
const DIGITS_COMPARED = 100;

/** A pattern that looks for zeros at the end tries each zero for a beginning: hours for a number of a million digits. */
function withoutLastZeros(digits: string): string {
  let end = digits.length;
  while (digits[end - 1] === '0') end -= 1;
  return digits.slice(0, end);
}

interface Decimal {
  /** Significant digits, without zeros at either end; empty for zero. */
  readonly digits: string;
  /** Of ten, that the digits are multiplied by. */
  readonly power: number;
  readonly hasExponent: boolean;
}

/** The same digits and power for all spellings of a number. */
function decimalOf(text: string): Decimal {
  const [, whole = '', fraction = '', exponent] = NUMBER.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = withoutLastZeros(digits);
  const power = Number(exponent ?? 0) - fraction.length + (digits.length - significant.length);
  return { digits: significant, power, hasExponent: exponent !== undefined };
}

const isSame = (one: Decimal, other: Decimal): boolean => one.digits === other.digits && one.power === other.power;

/** Whether a number as it was written is the number that JavaScript makes of it. */
export function isExactNumber(source: string): boolean {
  if (!SUSPECT.test(source)) return true;
  const value = Number(source);
  if (!Number.isFinite(value)) return false;
  if (value !== 0 && source.length <= DIGITS_OF_DOUBLE && /[eE]/.test(source)) return true;
  const written = decimalOf(source);
  if (written.digits === '') return true;
  // Too small for a double: it would become zero.
  if (value === 0) return false;
  if (isSame(written, decimalOf(String(value)))) return true;
  const isWhole = written.power >= 0 && !written.hasExponent;
  if (isWhole) return isSame(written, decimalOf(BigInt(value).toString()));
  const { length } = written.digits;
  if (length <= DIGITS_OF_DOUBLE) return true;
  return length <= DIGITS_COMPARED && isSame(written, decimalOf(value.toPrecision(length)));
}

/** Of a path and of a number, in a message. */
const SHOWN_CHARACTERS = 100;
const SHOWN_DIGITS = 40;

const shortened = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most)}…` : text);

/** What is wrong with a number that is not held. */
export function inexactMessage(source: string, field = ''): string {
  const place = field === '' ? '' : `${shortened(field, SHOWN_CHARACTERS)}: `;
  return `${place}${shortened(source, SHOWN_DIGITS)} is more than a double can hold. Send it as a string.`;
}

const QUOTE = 34;
const COMMA = 44;
const MINUS = 45;
const POINT = 46;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;

const isDigit = (code: number): boolean => code >= 48 && code <= 57;
/** Of a number, wherever in it: digits, signs, a point, an exponent. */
const isOfNumber = (code: number): boolean =>
  isDigit(code) || code === POINT || code === MINUS || code === 43 || code === 69 || code === 101;

/** Behind the string that begins here; -1: it has no end. */
function afterString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end;
    while (text[before - 1] === '\\') before -= 1;
    if ((end - before) % 2 === 0) return end + 1;
  }
  return -1;
}

/** Behind the number that begins here. */
function afterNumber(text: string, start: number): number {
  let end = start;
  while (isOfNumber(text.charCodeAt(end))) end += 1;
  return end;
}

/** An exponent that a double may not have; a number without one that has fewer digits is always held. */
const LARGE_EXPONENT = /[eE][+-]?0*(?:29\d|[3-9]\d\d|[1-9]\d{3,})/;
const MOST_CERTAIN = 15;

function isHeld(number: string): boolean {
  if (number.length <= MOST_CERTAIN && !LARGE_EXPONENT.test(number)) return true;
  return isExactNumber(number);
}

/** What a JSON text has too much of: where the first number is that is not held, or null where there are too many values. */
interface Fault {
  readonly at: number | null;
}

/** Looks at each character once, and at strings not at all: a body comes before its token is known. */
function firstFault(text: string): Fault | null {
  let values = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = afterString(text, at);
      // No JSON, which is said by whoever parses it.
      if (end < 0) return null;
      at = end - 1;
    } else if (code === COMMA || code === OPEN_LIST || code === OPEN_OBJECT) {
      values += 1;
      if (values > LIMITS.jsonValues) return { at: null };
    } else if (isDigit(code) || code === MINUS) {
      const end = afterNumber(text, at);
      if (!isHeld(text.slice(at, end))) return { at };
      at = end - 1;
    }
  }
  return null;
}

/** The keys and indexes that lead to a place of a JSON text. */
function pathTo(text: string, place: number): string {
  const path: (string | number)[] = [];
  let isKey = false;
  for (let at = 0; at < place; at += 1) {
    const code = text.charCodeAt(at);
    const last = path.length - 1;
    if (code === QUOTE) {
      const end = afterString(text, at);
      if (isKey) path[last] = JSON.parse(text.slice(at, end)) as string;
      isKey = false;
      at = end - 1;
    } else if (code === OPEN_LIST) {
      path.push(0);
      isKey = false;
    } else if (code === OPEN_OBJECT) {
      path.push('');
      isKey = true;
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) {
      path.pop();
    } else if (code === COMMA) {
      const within = path[last];
      isKey = typeof within === 'string';
      if (typeof within === 'number') path[last] = within + 1;
    }
  }
  return path.join('.');
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** What is wrong with a JSON text: the first number that is not held, or too many values; null for what is no JSON. */
export function faultOfNumbers(text: string): string | null {
  const fault = firstFault(text);
  if (fault === null) return null;
  const { at } = fault;
  if (at === null) return `JSON of at most ${LIMITS.jsonValues} values is read.`;
  if (!isJson(text)) return null;
  return inexactMessage(text.slice(at, afterNumber(text, at)), pathTo(text, at));
}
