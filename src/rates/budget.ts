/**
 * The budget of one operation, counted while it runs.
 *
 * The declared cost is an estimate that clients can evade. So the work itself debits the budget: each call and answer
 * of the engine (`budgeted-engine.ts`), and each completed field or list of the schema (`graphql/counted-fields.ts`). So
 * a new field or a new read is always counted. When the budget is used up, the
 * next debit throws.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { type JsonSize, jsonSizeOf } from './json-size.ts';

/** Prices are whole points, so sums stay exact. */
export const POINTS_PER_UNIT = 100;

export const POINTS = {
  /** One unit per call of the engine. */
  call: POINTS_PER_UNIT,
  /** Fifty per unit: objects in the engine's answer. */
  row: 2,
  /** 3,333 per unit: values of a payload, when read and again in the response. Cheap, so that payloads of others never make a page unaffordable. */
  value: 0.03,
  /** Ten per unit, as in the declared cost: items of lists in the response. */
  item: 10,
  /** Thirty-three per unit: fields of the response. */
  field: 3,
} as const;

/** For text that is read, and for text in the response. */
const CHARACTERS_PER_POINT = 80;

/**
 * For the part of a response that is not free. Such a unit takes about as much CPU time as any other, so a user is
 * limited to a fifth of a core.
 */
const CHARACTERS_PER_UNIT_OF_RATE = 600;

/** A character takes at most so many bytes of JSON: input that takes more is refused. */
const BYTES_PER_CHARACTER = 3;

/** Price of a repeated SDL, as a multiple of other text: callers without a token may request it, too. */
const REPEATED_SDL = 50;

export class Budget {
  readonly #units: number;
  #left: number;
  #characters = 0;
  /** Characters of payloads, whose size in bytes is known. */
  #jsonCharacters = 0;
  #jsonBytes = 0;
  #hasSdl = false;
  #refusal: ServiceError | null = null;
  #located: ServiceError | null = null;
  /**
   * No debit is refused during a change, which would leave it half done. The cost of the change is still counted.
   */
  isChanging = false;

  constructor(units: number) {
    this.#units = units;
    this.#left = units * POINTS_PER_UNIT;
  }

  /** Whole units so far. */
  get used(): number {
    return Math.ceil(this.#units - this.#left / POINTS_PER_UNIT);
  }

  /** The error that ends the operation; null while it may continue. */
  get refusal(): ServiceError | null {
    return this.#refusal;
  }

  /** Whether the next debit throws. */
  get isOver(): boolean {
    return this.#refusal !== null && !this.isChanging;
  }

  /** The units taken from the user's read rate: they include writing and sending a long response. */
  get taken(): number {
    const long = Math.max(this.#characters - LIMITS.freeResponseCharacters, 0);
    return this.used + Math.ceil(long / CHARACTERS_PER_UNIT_OF_RATE);
  }

  /** An upper bound of the response's bytes. */
  get mostBytes(): number {
    return (this.#characters - this.#jsonCharacters) * BYTES_PER_CHARACTER + this.#jsonBytes;
  }

  /** @throws {ServiceError} QUERY_TOO_COSTLY when nothing is left. */
  call(): void {
    this.#debit(POINTS.call);
  }

  /** Counts an answer of the engine. Returns its points. */
  read(value: unknown): number {
    const points = weigh(value);
    this.#debit(points);
    return points;
  }

  field(characters: number): void {
    this.#characters += characters;
    this.#debit(POINTS.field + characters / CHARACTERS_PER_POINT);
  }

  items(count: number): void {
    this.#debit(count * POINTS.item);
  }

  text(characters: number): void {
    this.#characters += characters;
    this.#debit(characters / CHARACTERS_PER_POINT);
  }

  /** A JSON value in the response. */
  json({ characters, bytes, values }: JsonSize): void {
    this.#characters += characters;
    this.#jsonCharacters += characters;
    this.#jsonBytes += bytes;
    this.#debit(characters / CHARACTERS_PER_POINT + values * POINTS.value);
  }

  /** The SDL is served whatever the budget. A repeated SDL is expensive, since nobody needs it. */
  sdl(characters: number): void {
    this.#characters += characters;
    if (this.#hasSdl) this.#debit((characters / CHARACTERS_PER_POINT) * REPEATED_SDL);
    this.#hasSdl = true;
  }

  /**
   * The refusal in a form that graphql-js passes on as it is. Creating its own error takes graphql-js ten times as long
   * as a field.
   */
  get located(): ServiceError {
    this.#located ??= Object.assign(new ServiceError('QUERY_TOO_COSTLY', this.#refusal?.message ?? ''), { path: [] });
    return this.#located;
  }

  /** Ends the operation. */
  refuse(message: string): ServiceError {
    this.#refusal ??= new ServiceError('QUERY_TOO_COSTLY', message);
    return this.#refusal;
  }

  #debit(points: number): void {
    this.#left -= points;
    if (this.#left < 0) this.refuse(`The operation used up its budget of ${this.#units}.`);
    else if (this.#characters > LIMITS.responseBytes) this.refuse(responseTooLarge());
    if (this.isOver) throw this.#refusal;
  }
}

export const responseTooLarge = (): string => `The response is over ${LIMITS.responseBytes} bytes.`;

/** Points for the objects and characters of an answer. */
function weigh(value: unknown): number {
  if (typeof value === 'string') return value.length / CHARACTERS_PER_POINT;
  if (typeof value !== 'object' || value === null) return 0;
  let points: number = Array.isArray(value) ? 0 : POINTS.row;
  for (const key in value) {
    const child = (value as Record<string, unknown>)[key];
    points += key === 'payload' ? weighPayload(child) : weigh(child);
  }
  return points;
}

/** Points of a client's payload: by the number of its values, independent of their nesting. */
function weighPayload(value: unknown): number {
  // Measured here, because reads are made in parts, and a response is completed in one turn.
  if (typeof value === 'object' && value !== null) jsonSizeOf(value);
  return weighJson(value);
}

function weighJson(value: unknown): number {
  if (typeof value === 'string') return POINTS.value + value.length / CHARACTERS_PER_POINT;
  let points: number = POINTS.value;
  if (typeof value !== 'object' || value === null) return points;
  for (const key in value) points += weighJson((value as Record<string, unknown>)[key]);
  return points;
}

const running = new AsyncLocalStorage<Budget>();

/** The budget of the operation that this code is part of; undefined outside operations. */
export const currentBudget = (): Budget | undefined => running.getStore();

/** Runs work outside any budget: the work was charged before, and its operation may have ended. */
export const withoutBudget = <Result>(work: () => Result): Result => running.exit(work);

/** Runs work that a budget pays for, including its later callbacks. */
export function within<Args extends unknown[], Result>(
  budget: Budget,
  work: (...args: Args) => Result,
  ...args: Args
): Result {
  return running.run(budget, work, ...args);
}
