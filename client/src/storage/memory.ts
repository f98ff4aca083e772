/** Storage that lasts as long as the page or the process. */
import type { Storage } from '../types.ts';

export function memoryStorage(): Storage {
  const values = new Map<string, unknown>();
  return {
    get: async (key) => values.get(key),
    async set(key, value) {
      values.set(key, structuredClone(value));
    },
    async delete(key) {
      values.delete(key);
    },
    list: async (prefix) =>
      [...values].filter(([key]) => key.startsWith(prefix)).sort(([one], [other]) => (one < other ? -1 : 1)),
  };
}
