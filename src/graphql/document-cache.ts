/** Parsed documents by their text or its hash, the most recent ones. */
import { LRUCache } from 'lru-cache';
import { LIMITS } from '../limits.ts';

/**
 * Bounded by the characters of the parsed texts, which are the `size` of each entry: a syntax tree takes up to 250
 * bytes for each character, so a thousand distinct documents could take gigabytes.
 */
export function createDocumentCache<Value extends object>(): LRUCache<string, Value> {
  return new LRUCache({ max: LIMITS.cachedDocuments, maxSize: LIMITS.cachedDocumentCharacters });
}
