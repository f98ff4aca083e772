/**
 * Writes the supergraph for Apollo Router, Hive Gateway and Hive Router:
 * `npm run --silent schema:supergraph -- users=http://localhost:4001/graphql realtime=http://localhost:8081/graphql`.
 *
 * The SDL of `realtime` comes from this repository; the other subgraphs are asked for their SDL.
 */
import { composeServices } from '@theguild/federation-composition';
import { parse } from 'graphql';
import { createSchema, readSubgraphSdl } from '../src/graphql/schema.ts';

async function sdlOf(name: string, url: string): Promise<string> {
  if (name === 'realtime') return readSubgraphSdl(createSchema());
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ _service { sdl } }' }),
  });
  const { data } = (await response.json()) as { data?: { _service?: { sdl?: string } } };
  if (!data?._service?.sdl) throw new Error(`${name} at ${url} does not return its SDL.`);
  return data._service.sdl;
}

const services = process.argv.slice(2).map(async (given) => {
  const [, name = '', url = ''] = /^(\w+)=(https?:\/\/.+)$/.exec(given) ?? [];
  if (!name) throw new Error(`${given}: not a subgraph, such as users=http://localhost:4001/graphql.`);
  return { name, url, typeDefs: parse(await sdlOf(name, url)) };
});
const { supergraphSdl, errors } = composeServices(await Promise.all(services));
if (!supergraphSdl) throw new Error(errors?.join('\n') ?? 'Nothing to compose.');
process.stdout.write(`${supergraphSdl}\n`);
