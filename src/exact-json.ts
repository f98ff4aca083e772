/**
 * Numbers that a double cannot hold as they were written (RFC 8259 section 6).
 *
 * `12345678901234567890` would come out as another number: such input is refused
 * rather than changed. `0.1` and `1.50` are what they say.
 */

/** So few digits are always held; a longer run, or an exponent, is looked at. */
const SUSPECT = /[\d.]{16,}|\d[eE]/;
const NUMBER = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** A pattern that looks for zeros at the end tries each zero for a beginning: hours for a number of a million digits. */
function withoutLastZeros(digits: string): string {
  let end = digits.length;
  while (digits[end - 1] === '0') end -= 1;
  return digits.slice(0, end);
}

/** Digits without zeros at either end, and where the point is; the same for all ways to write a number. */
function canonical(text: string): string {
  const [, whole = '', fraction = '', exponent = '0'] = NUMBER.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = withoutLastZeros(digits);
  if (significant === '') return '0';
  const power = Number(exponent) - fraction.length + (digits.length - significant.length);
  return `${significant}e${power}`;
}

/** Whether a number as it was written is the number that JavaScript makes of it. */
export function isExactNumber(source: string): boolean {
  if (!SUSPECT.test(source)) return true;
  const value = Number(source);
  return Number.isFinite(value) && canonical(source) === canonical(String(value));
}

/** Whether all numbers of a JSON text are; true for what is no JSON. */
export function isExactJson(text: string): boolean {
  if (!SUSPECT.test(text)) return true;
  let isExact = true;
  try {
    JSON.parse(text, (_key: string, value: unknown, context?: { readonly source?: string }) => {
      if (typeof value === 'number' && context?.source !== undefined) isExact &&= isExactNumber(context.source);
      return value;
    });
  } catch {
    return true;
  }
  return isExact;
}
