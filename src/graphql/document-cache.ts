/** Documents that were parsed, by their text or its hash: those used last. */
import { LRUCache } from 'lru-cache';
import { LIMITS } from '../limits.ts';

/**
 * Bounded by the characters of what was parsed, which each entry is set with as
 * its `size`: a syntax tree takes up to 250 bytes for each, so that a thousand
 * documents that differ would take gigabytes.
 */
export function createDocumentCache<Value extends object>(): LRUCache<string, Value> {
  return new LRUCache({ max: LIMITS.cachedDocuments, maxSize: LIMITS.cachedDocumentCharacters });
}
