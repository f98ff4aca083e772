/** The schema as it was last accepted, and what would break for those who rely on it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildASTSchema, type GraphQLSchema, parse } from 'graphql';
import { createSchema, readSubgraphSdl } from '../src/graphql/schema.ts';

const FILE = new URL('../test/graphql/schema.snapshot.graphql', import.meta.url);

/** The SDL of the sources, as gateways and registries are given it; nothing is started. */
export const currentSdl = (): string => `${readSubgraphSdl(createSchema()).trim()}\n`;

export const readSnapshot = (): string => readFileSync(FILE, 'utf8');

export const writeSnapshot = (sdl: string): void => writeFileSync(FILE, sdl);

// Federation's directives are a gateway's to know.
const build = (sdl: string): GraphQLSchema => buildASTSchema(parse(sdl), { assumeValidSDL: true });

/** What clients or gateways that rely on `before` would miss, one sentence each. */
export async function breakingChanges(before: string, after: string): Promise<string[]> {
  const changes = await diff(build(before), build(after));
  return changes
    .filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking)
    .map(({ message }) => message);
}
