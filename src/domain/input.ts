/** Checks of callers' input. Each returns the clean value or throws BAD_USER_INPUT. */
import { lengthOf } from '../code-points.ts';
import { badInput, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { isIdentifier, isUserId, type UserId } from '../model.ts';

// Control characters other than newline and tab; Unicode category Cc.
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern finds control characters.
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the same, for text that may contain CR.
const CONTROL_BUT_CR = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/;

const MARKS_IN_A_ROW = /\p{M}+/gu;
/** Consecutive combining marks that are normalised together. */
const MOST_MARKS = 100;
const PART = /\P{M}*\p{M}{0,100}/gu;

/** The clean value of an optional argument; null when it was left out. */
export function optional<Given, Clean>(value: Given | null | undefined, check: (given: Given) => Clean): Clean | null {
  return value === null || value === undefined ? null : check(value);
}

/** An id of 1 to 128 characters of `A-Z a-z 0-9 . _ : @ -`. */
export function identifier<Id extends string>(value: NotOfUser<Id>, name: string): Id {
  if (!isIdentifier(value)) {
    throw badInput(`${name}: must be 1 to ${LIMITS.idCharacters} of A-Z a-z 0-9 . _ : @ -`);
  }
  return value as string as Id;
}

/** Ids of users come from the platform and have their own check; passing one to this check does not compile. */
type NotOfUser<Id> = Id extends UserId ? never : string;

/** A user id, as the platform assigns it. */
export function userIdentifier(value: string, name: string): UserId {
  if (isUserId(value)) return value;
  throw badInput(
    `${name}: a user's id is 1 to ${LIMITS.idCharacters} characters, none white space or a control character.`,
  );
}

/** Distinct ids in the order given; `most` counts repeats. */
export function identifiers<Id extends string>(values: readonly NotOfUser<Id>[], name: string, most: number): Id[] {
  if (values.length > most) throw badInput(`${name}: must have at most ${most} items.`);
  return [...new Set(values.map((value) => identifier<Id>(value, name)))];
}

/** The same for ids of users. */
export function userIdentifiers(values: readonly string[], name: string, most: number): UserId[] {
  if (values.length > most) throw badInput(`${name}: must have at most ${most} items.`);
  return [...new Set(values.map((value) => userIdentifier(value, name)))];
}

/** A visible character. U+2800 is the Braille pattern without dots, so it is not one. */
const VISIBLE = /[^\s\u2800\p{Default_Ignorable_Code_Point}]/u;

export const isVisible = (value: string): boolean => VISIBLE.test(value);

/** Text for people: 1 to `most` code points, at least one of them visible. */
export function visibleText(value: string, argument: string, most: number): string {
  const clean = text(value, argument, 1, most);
  if (!isVisible(clean)) throw badInput(`${argument}: must have a visible character.`);
  return clean;
}

export const displayName = (value: string, argument: string): string =>
  visibleText(value, argument, LIMITS.nameCharacters);

/**
 * In NFC. Normalising is quadratic in the number of consecutive combining marks, so longer runs,
 * which no language has, are normalised in parts (as in the Stream-Safe Text Format of UAX #15).
 */
function normalised(value: string): string {
  for (const [run] of value.matchAll(MARKS_IN_A_ROW)) {
    if (run.length > MOST_MARKS) return value.replace(PART, (part) => part.normalize('NFC'));
  }
  return value.normalize('NFC');
}

/**
 * Text of `least` to `most` code points, NFC-normalised. CRLF and CR become LF; all other control characters except
 * newline and tab are refused.
 */
export function text(value: string, name: string, least: number, most: number): string {
  // A code point takes at most two units, and NFC at most triples them: so much longer texts are refused before the work.
  if (value.length > most * 6) throw badInput(`${name}: must have at most ${most} characters.`);
  if (!value.isWellFormed()) throw badInput(`${name}: must be well-formed Unicode.`);
  const normal = normalised(value.replace(/\r\n?/g, '\n'));
  if (CONTROL.test(normal)) throw badInput(`${name}: must not have control characters other than newline and tab.`);
  const characters = [...normal].length;
  if (characters < least || characters > most) {
    const allowed = least === 0 ? `at most ${most}` : `${least} to ${most}`;
    throw badInput(`${name}: must have ${allowed} characters.`);
  }
  return normal;
}

/** Keys with a special meaning: JavaScript's prototype, and JSONata's functions. */
const MARKS = new Set(['__proto__', '_jsonata_lambda', '_jsonata_function']);

/** Visits a JSON value once and stops at the first fault, since a body may be many times larger than a payload. */
class PayloadCheck {
  readonly #name: string;
  /** Bytes left of the cap, counting the shortest JSON of the value. */
  #left: number = LIMITS.payloadBytes;

  constructor(name: string) {
    this.#name = name;
  }

  value(value: unknown, levels: number): void {
    if (typeof value === 'string') return this.#text(value);
    this.#spend(1);
    if (typeof value !== 'object' || value === null) return;
    if (levels === 0) throw badInput(`${this.#name}: must have at most ${LIMITS.payloadDepth} levels.`);
    if (Array.isArray(value)) for (const child of value) this.#child(child, levels);
    else {
      for (const key of Object.keys(value)) {
        if (MARKS.has(key)) throw badInput(`${this.#name}: must not have the key ${key}.`);
        this.#text(key);
        this.#child((value as Record<string, unknown>)[key], levels);
      }
    }
  }

  /** Counts a byte for the comma or bracket that follows the value. */
  #child(value: unknown, levels: number): void {
    this.#spend(1);
    this.value(value, levels - 1);
  }

  /** JSON parsers of other languages, such as those of routers, refuse lone surrogates. */
  #text(text: string): void {
    this.#spend(text.length + 2);
    if (!text.isWellFormed()) throw badInput(`${this.#name}: must be well-formed Unicode.`);
  }

  #spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw tooLarge(this.#name);
  }
}

const tooLarge = (name: string): ServiceError =>
  badInput(`${name}: must have at most ${LIMITS.payloadBytes} bytes of JSON.`);

/** Any JSON value within the caps of bytes and depth; null for none. */
export function payload(value: unknown, name: string): unknown {
  if (value === undefined || value === null) return null;
  new PayloadCheck(name).value(value, LIMITS.payloadDepth);
  const json = JSON.stringify(value);
  if (json === undefined || Buffer.byteLength(json) > LIMITS.payloadBytes) throw tooLarge(name);
  return value;
}

/** Content and payload, at least one of them not empty. */
export function messageBody(content: string | null | undefined, data: unknown): { content: string; payload: unknown } {
  const cleanPayload = payload(data, 'payload');
  const cleanContent = text(content ?? '', 'content', 0, LIMITS.contentCharacters);
  if (cleanPayload === null && !isVisible(cleanContent)) {
    throw badInput(
      `content: must have 1 to ${LIMITS.contentCharacters} characters; it can be empty only with a payload.`,
    );
  }
  return { content: cleanContent, payload: cleanPayload };
}

/** Whether a text exceeds the length of a streamed message. A code point takes at most two units. */
export function isTooLongToWrite(text: string): boolean {
  const { writtenCharacters: most } = LIMITS;
  return text.length > most * 2 || (text.length > most && lengthOf(text) > most);
}

export function tooLongToWrite(name: string, length: number): ServiceError {
  const message = `${name}: a message has at most ${LIMITS.writtenCharacters} characters.`;
  return new ServiceError('PAYLOAD_TOO_LARGE', message, { length });
}

/**
 * Text of a streamed message. It is not normalised, since a part may end between a character and its combining mark. A
 * lone surrogate is refused. When the text is too long, the error has the `length` of the message so far.
 */
export function writtenText(value: string, name: string, length: number): string {
  if (!value.isWellFormed()) throw badInput(`${name}: must be well-formed Unicode.`);
  if (CONTROL_BUT_CR.test(value)) {
    throw badInput(`${name}: must not have control characters other than tab, carriage return and newline.`);
  }
  if (isTooLongToWrite(value)) throw tooLongToWrite(name, length);
  return value;
}

/** A whole number from 0. */
export function natural(value: number, name: string): number {
  if (!Number.isSafeInteger(value) || value < 0) throw badInput(`${name}: must be a whole number of at least 0.`);
  return value;
}

/** The number of items of a page, 0 to the cap. */
export function pageSize(value: number, name: string): number {
  if (natural(value, name) > LIMITS.pageSize) throw badInput(`${name}: must be at most ${LIMITS.pageSize}.`);
  return value;
}
