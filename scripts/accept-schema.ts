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
  console.error('The schema would break those who rely on it. `npm run schema:accept` takes it all the same.');
  process.exit(1);
}
writeSnapshot(sdl);
