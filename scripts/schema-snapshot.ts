/** The schema as it was last accepted, and the changes that break clients of it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildASTSchema, type GraphQLSchema, parse } from 'graphql';
import { createSchema, readSubgraphSdl } from '../src/graphql/schema.ts';

const FILE = new URL('../test/graphql/schema.snapshot.graphql', import.meta.url);

/** The SDL of the sources, as gateways and registries get it. Starts nothing. */
export const currentSdl = (): string => `${readSubgraphSdl(createSchema()).trim()}\n`;

export const readSnapshot = (): string => readFileSync(FILE, 'utf8');

export const writeSnapshot = (sdl: string): void => writeFileSync(FILE, sdl);

// Only gateways need the directives of federation.
const build = (sdl: string): GraphQLSchema => buildASTSchema(parse(sdl), { assumeValidSDL: true });

/** The changes that break clients or gateways that rely on `before`, one sentence each. */
export async function breakingChanges(before: string, after: string): Promise<string[]> {
  const changes = await diff(build(before), build(after));
  return changes
    .filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking)
    .map(({ message }) => message);
}
