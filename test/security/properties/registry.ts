/** The properties of security: what the files beside this one export of that kind. They are found, not listed. */
import { readdir } from 'node:fs/promises';
import type { Property } from './property.ts';

export const ENGINES = ['embedded', 'redis'] as const;

function isProperty(exported: unknown): exported is Property {
  const { name, run } = (exported ?? {}) as Partial<Property>;
  return typeof exported === 'object' && typeof name === 'string' && typeof run === 'function';
}

export async function findProperties(): Promise<Property[]> {
  const files = (await readdir(new URL('.', import.meta.url))).filter((file) => file !== 'registry.ts').sort();
  const modules = await Promise.all(
    files.map(async (file) => (await import(new URL(file, import.meta.url).href)) as Record<string, unknown>),
  );
  return modules.flatMap((module) => Object.values(module).filter(isProperty));
}
