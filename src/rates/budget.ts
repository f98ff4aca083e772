/**
 * What one operation may cost, counted while it runs.
 *
 * The declared cost is an estimate, and an estimate can be got around. So each
 * place where work is done debits the budget: the engine when it is asked and
 * answers (`budgeted-engine.ts`), the schema when a field or a list is completed
 * (`graphql/counted-fields.ts`). Neither can be forgotten by a new field or a new
 * read. When the budget is used up, whoever debits it next throws.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { type JsonSize, jsonSizeOf } from './json-size.ts';

/** Prices are whole points, so that sums stay exact. */
const POINTS_PER_UNIT = 100;

const POINTS = {
  /** A unit: the engine is asked once. */
  call: POINTS_PER_UNIT,
  /** Fifty to a unit: objects that it answers. */
  row: 2,
  /** 3,333 to a unit: values of a payload, read and again in the response. Nobody's make a page dearer than others can pay. */
  value: 0.03,
  /** Ten to a unit, as in the declared cost: items of lists in the response. */
  item: 10,
  /** Thirty-three to a unit: fields of the response. */
  field: 3,
} as const;

/** Of what is read and of what is answered. */
const CHARACTERS_PER_POINT = 80;

/** Of a response past what is free. Takes about as long as any other unit, and so holds a user to a fifth of a core. */
const CHARACTERS_PER_UNIT_OF_RATE = 600;

/** A character takes at most so many bytes of JSON: what takes more is refused as input. */
const BYTES_PER_CHARACTER = 3;

/** Times the price of other text: it is told to those without a token, too. */
const REPEATED_SDL = 50;

export class Budget {
  readonly #units: number;
  #left: number;
  #characters = 0;
  /** Of payloads, whose bytes are known. */
  #jsonCharacters = 0;
  #jsonBytes = 0;
  #hasSdl = false;
  #refusal: ServiceError | null = null;
  /**
   * While something is changed nothing is refused: the first step of a change would
   * be done and the second not. What it costs is counted all the same.
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

  /** Why the operation ends; null while it may go on. */
  get refusal(): ServiceError | null {
    return this.#refusal;
  }

  /** Whether whoever debits it is refused. */
  get isOver(): boolean {
    return this.#refusal !== null && !this.isChanging;
  }

  /** What it takes of a user's rate of reading: a long response is written and sent at their cost, too. */
  get taken(): number {
    const long = Math.max(this.#characters - LIMITS.freeResponseCharacters, 0);
    return this.used + Math.ceil(long / CHARACTERS_PER_UNIT_OF_RATE);
  }

  /** The response has no more bytes than this. */
  get mostBytes(): number {
    return (this.#characters - this.#jsonCharacters) * BYTES_PER_CHARACTER + this.#jsonBytes;
  }

  /** @throws {ServiceError} QUERY_TOO_COSTLY when nothing is left. */
  call(): void {
    this.#debit(POINTS.call);
  }

  /** Counts what was read; how many points that is. */
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

  /** The SDL is had for whatever budget; to ask for it again is dear, since nobody needs to. */
  sdl(characters: number): void {
    this.#characters += characters;
    if (this.#hasSdl) this.#debit((characters / CHARACTERS_PER_POINT) * REPEATED_SDL);
    this.#hasSdl = true;
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

/** Points for the objects and the characters of what was read. */
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

/** Points of a client's payload: by the number of its values, not by how they are nested. */
function weighPayload(value: unknown): number {
  // Here what is read is read in parts: the whole response is completed in one turn.
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

/** The budget of the operation that this is part of; undefined: nobody's. */
export const currentBudget = (): Budget | undefined => running.getStore();

/** Does something that was counted before: the operation it came from may be long over. */
export const atNobodysCost = <Result>(work: () => Result): Result => running.exit(work);

/** Does something at the cost of a budget, whatever of it is done later. */
export function within<Args extends unknown[], Result>(
  budget: Budget,
  work: (...args: Args) => Result,
  ...args: Args
): Result {
  return running.run(budget, work, ...args);
}
