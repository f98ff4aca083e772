/**
 * Numbers that a double does not hold (RFC 8259 section 6).
 *
 * `12345678901234567890` would come out as another number: such input is refused
 * rather than changed. Another spelling of the same double is no change: Java
 * writes `4.9E-324` and Python `0.10000000000000001`.
 */

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

/** Stands for a number in a JSON value until its place is known. */
class Inexact {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

interface Place {
  readonly path: readonly string[];
  readonly source: string;
}

function findInexact(value: unknown, path: readonly string[]): Place | null {
  if (value instanceof Inexact) return { path, source: value.source };
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, child] of Object.entries(value)) {
    const found = findInexact(child, [...path, key]);
    if (found) return found;
  }
  return null;
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

/** What may be no double, and where a string begins: fewer digits and smaller exponents are always held. */
const SUSPECT_OR_STRING = /"|[\d.]{16,}|[eE][+-]?0*(?:29\d|[3-9]\d\d|[1-9]\d{3,})/g;
const WHOLE_NUMBER = /-?[\d.]+(?:[eE][+-]?\d+)?/y;

/** Behind the string that begins here; -1: it has no end. */
function afterString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end;
    while (text[before - 1] === '\\') before -= 1;
    if ((end - before) % 2 === 0) return end + 1;
  }
  return -1;
}

/** The number of which this place is a part. */
function numberAt(text: string, place: number): string {
  let start = place;
  while (start > 0 && '0123456789.-'.includes(text[start - 1] as string)) start -= 1;
  WHOLE_NUMBER.lastIndex = start;
  return WHOLE_NUMBER.exec(text)?.[0] ?? '0';
}

/** Whether all numbers outside strings are held. Built-in searches do most of it: a body comes before its token is known. */
function areExact(text: string): boolean {
  const search = SUSPECT_OR_STRING;
  search.lastIndex = 0;
  for (let match = search.exec(text); match; match = search.exec(text)) {
    if (match[0] !== '"') {
      if (!isExactNumber(numberAt(text, match.index))) return false;
      continue;
    }
    const end = afterString(text, match.index);
    // No JSON, which is said by whoever parses it.
    if (end < 0) return true;
    search.lastIndex = end;
  }
  return true;
}

/** What is wrong with the numbers of a JSON text: the first that is not held; null for none, and for what is no JSON. */
export function faultOfNumbers(text: string): string | null {
  if (!SUSPECT.test(text) || areExact(text)) return null;
  let isExact = true;
  const mark = (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
    // One is told of: the others need not be looked at.
    if (!isExact || typeof value !== 'number' || context?.source === undefined) return value;
    if (isExactNumber(context.source)) return value;
    isExact = false;
    return new Inexact(context.source);
  };
  try {
    const marked: unknown = JSON.parse(text, mark);
    if (isExact) return null;
    const found = findInexact(marked, []);
    // A key that stands twice keeps its last value only.
    return found ? inexactMessage(found.source, found.path.join('.')) : null;
  } catch {
    return null;
  }
}
