/** The properties of security: each file beside this one exports one as `property`. They are found, not listed. */
import { readdir } from 'node:fs/promises';

export const ENGINES = ['embedded', 'redis'] as const;
export type EngineName = (typeof ENGINES)[number];

export interface Run {
  readonly engine: EngineName;
  /** Decides all that is random: a run with the same seed tries the same. */
  readonly seed: number;
  /** By `Date.now`: nothing is begun past it. One history is always tried. */
  readonly untilMs: number;
}

export interface Property {
  /** In words: what holds whatever happens. */
  readonly name: string;
  /** Tries random histories, one after the other. @throws what the smallest that fails shows. */
  run(run: Run): Promise<void>;
}

export async function findProperties(): Promise<Property[]> {
  const files = (await readdir(new URL('.', import.meta.url))).filter((file) => file !== 'registry.ts').sort();
  return Promise.all(
    files.map(async (file) => ((await import(new URL(file, import.meta.url).href)) as { property: Property }).property),
  );
}
