/**
 * Accepts the schema of the sources as the one that clients rely on.
 *
 * `npm run generate` accepts additions, and stops at breaking changes. `npm run schema:accept` accepts those as well.
 */
import { breakingChanges, currentSdl, readSnapshot, writeSnapshot } from './schema-snapshot.ts';

const isAdditionsOnly = process.argv.includes('--additions');
const sdl = currentSdl();
const breaking = await breakingChanges(readSnapshot(), sdl);
for (const change of breaking) console.error(`breaking: ${change}`);
if (isAdditionsOnly && breaking.length > 0) {
  console.error('These changes break clients of the schema. `npm run schema:accept` accepts them nevertheless.');
  process.exit(1);
}
writeSnapshot(sdl);
