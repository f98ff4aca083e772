export type { Storage } from '../types.ts';
export { indexedDbStorage } from './indexed-db.ts';
export { memoryStorage } from './memory.ts';
