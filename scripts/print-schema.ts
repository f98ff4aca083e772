/** Writes the subgraph's SDL, as registries take it, and starts nothing: `npm run --silent schema:print`. */
import { createSchema, readSubgraphSdl } from '../src/graphql/schema.ts';

process.stdout.write(`${readSubgraphSdl(createSchema()).trim()}\n`);
