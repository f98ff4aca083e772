/**
 * The price of a document that is not cached, whatever the outcome.
 *
 * A refused document is parsed and validated, too. So the characters are charged to the sender's read rate before
 * parsing, and the compared pairs of fields after validation.
 */
import type { DocumentNode } from 'graphql';
import { LIMITS } from '../limits.ts';
import type { Meter } from '../model.ts';

/** The minimum price of parsing and validating. */
const LEAST_UNITS = 5;
const CHARACTERS_PER_UNIT = 25;
/** Further characters can only be blanks, comments and strings, which are skipped cheaply. */
const MOST_CHARACTERS = 20_000;
const PAIRS_PER_UNIT = 25;
const URL_BYTES_PER_UNIT = 125;

const pairs = new WeakMap<DocumentNode, number>();

/** Records how many pairs of fields a document merges. */
export function noteMergedPairs(document: DocumentNode, count: number): void {
  pairs.set(document, count);
}

/** A document's price may exceed the whole read rate, so any remainder is enough to start. */
function pay(units: number, meter: Meter): void {
  meter.read(1);
  meter.adjust(units - 1);
}

/** @throws {ServiceError} RATE_LIMITED while its sender has no units left. */
export function payForReading(query: string, meter: Meter): void {
  pay(LEAST_UNITS + Math.floor(Math.min(query.length, MOST_CHARACTERS) / CHARACTERS_PER_UNIT), meter);
}

/** For a document that a GET names by its hash: it is written into the URL and parsed again. @throws {ServiceError} RATE_LIMITED. */
export function payForUrl(query: string, meter: Meter): void {
  const units = Math.floor(Buffer.byteLength(query) / URL_BYTES_PER_UNIT);
  if (units > 0) pay(units, meter);
}

/** For a body, which is parsed as JSON in any case. @throws {ServiceError} RATE_LIMITED. */
export function payForBody(bytes: number, meter: Meter): void {
  const units = Math.floor(bytes / LIMITS.charactersPerUnit);
  if (units > 0) pay(units, meter);
}

export function payForComparing(document: DocumentNode, meter: Meter): void {
  const units = Math.floor((pairs.get(document) ?? 0) / PAIRS_PER_UNIT);
  if (units > 0) meter.adjust(units);
}
