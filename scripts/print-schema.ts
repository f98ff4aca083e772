/**
 * Writes the subgraph's SDL for registries, without starting anything: `npm run --silent schema:print`.
 *
 * `-- --api` (or `--client`) writes the API as clients see it, for tools that generate code from a schema.
 * `-- --without User.status Query.viewer` leaves out fields whose names another subgraph of the graph has.
 */
import { parseArgs } from 'node:util';
import { leaveOut } from '../src/graphql/leave-out.ts';
import { createSchema, readSubgraphSdl } from '../src/graphql/schema.ts';
import { readClientSdl } from './client-schema.ts';

const { values, positionals } = parseArgs({
  options: {
    api: { type: 'boolean', default: false },
    client: { type: 'boolean', default: false },
    without: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
if (!values.without && positionals.length > 0) throw new Error('Names of fields must follow --without.');
const sdl = values.api || values.client ? readClientSdl() : readSubgraphSdl(createSchema());
process.stdout.write(`${(positionals.length > 0 ? leaveOut(sdl, positionals) : sdl).trim()}\n`);
