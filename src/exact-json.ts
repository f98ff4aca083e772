/**
 * Numbers that a double cannot hold (RFC 8259 section 6).
 *
 * `12345678901234567890` would become another number: such input is refused
 * rather than changed. Another spelling of the same double is no change: Java
 * writes `4.9E-324` and Python `0.10000000000000001`.
 */
import { LIMITS } from './limits.ts';

/** Shorter runs of digits are always exact; a longer run, or an exponent, is checked. */
const SUSPECT = /[\d.]{16,}|\d[eE]/;
const NUMBER = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Significant digits that identify any double. */
const DIGITS_OF_DOUBLE = 17;
/** The most digits that `toPrecision` writes. */
const DIGITS_COMPARED = 100;

/** A regular expression would be quadratic here: hours for a number of a million digits. */
function withoutLastZeros(digits: string): string {
  let end = digits.length;
  while (digits[end - 1] === '0') end -= 1;
  return digits.slice(0, end);
}

interface Decimal {
  /** Significant digits, without zeros at either end; empty for zero. */
  readonly digits: string;
  /** The power of ten by which the digits are multiplied. */
  readonly power: number;
  readonly hasExponent: boolean;
}

/** Equal for all spellings of a number. */
function decimalOf(text: string): Decimal {
  const [, whole = '', fraction = '', exponent] = NUMBER.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = withoutLastZeros(digits);
  const power = Number(exponent ?? 0) - fraction.length + (digits.length - significant.length);
  return { digits: significant, power, hasExponent: exponent !== undefined };
}

const isSame = (one: Decimal, other: Decimal): boolean => one.digits === other.digits && one.power === other.power;

/** Whether a number as written equals the number that JavaScript reads. */
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

/** The length at which a path and a number are cut in a message. */
const SHOWN_CHARACTERS = 100;
const SHOWN_DIGITS = 40;

const shortened = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most)}…` : text);

/** The error message for a number that a double cannot hold. */
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
/** The characters of a number: digits, signs, a point, an exponent. */
const isOfNumber = (code: number): boolean =>
  isDigit(code) || code === POINT || code === MINUS || code === 43 || code === 69 || code === 101;

/** The index behind the string that begins here; -1: it has no end. */
function afterString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end;
    while (text[before - 1] === '\\') before -= 1;
    if ((end - before) % 2 === 0) return end + 1;
  }
  return -1;
}

/** The index behind the number that begins here. */
function afterNumber(text: string, start: number): number {
  let end = start;
  while (isOfNumber(text.charCodeAt(end))) end += 1;
  return end;
}

/** An exponent that may exceed a double; a shorter number without an exponent always fits. */
const LARGE_EXPONENT = /[eE][+-]?0*(?:29\d|[3-9]\d\d|[1-9]\d{3,})/;
const MOST_CERTAIN = 15;

function isHeld(number: string): boolean {
  if (number.length <= MOST_CERTAIN && !LARGE_EXPONENT.test(number)) return true;
  return isExactNumber(number);
}

/** The first fault of a JSON text: the index of a number that is not exact; null for too many values. */
interface Fault {
  readonly at: number | null;
}

/**
 * Visits each character once and skips strings, since a body is checked before its token. Too many values are reported
 * first.
 */
function firstFault(text: string): Fault | null {
  let values = 0;
  let fault: Fault | null = null;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = afterString(text, at);
      // Invalid JSON, which the parser reports.
      if (end < 0) return fault;
      at = end - 1;
    } else if (code === COMMA || code === OPEN_LIST || code === OPEN_OBJECT) {
      values += 1;
      if (values > LIMITS.jsonValues) return { at: null };
    } else if (isDigit(code) || code === MINUS) {
      const end = afterNumber(text, at);
      if (fault === null && !isHeld(text.slice(at, end))) fault = { at };
      at = end - 1;
    }
  }
  return fault;
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

/** The fault of a JSON text: the first number that does not fit, or too many values; null for invalid JSON too. */
export function faultOfNumbers(text: string): string | null {
  const fault = firstFault(text);
  if (fault === null) return null;
  const { at } = fault;
  if (at === null) return `JSON of at most ${LIMITS.jsonValues} values is read.`;
  if (!isJson(text)) return null;
  return inexactMessage(text.slice(at, afterNumber(text, at)), pathTo(text, at));
}
