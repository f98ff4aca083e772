/**
 * `node test/support/compose.ts COMPOSER`: composes the graphs on standard input, and writes what the composer says.
 *
 * A process of its own, since the composers' modules are large and stay in memory.
 */
import { text } from 'node:stream/consumers';
import { parse } from 'graphql';
import { costedFields } from './costed-fields.ts';

/** Subgraphs by name, with their SDL. */
export type Graph = Readonly<Record<string, string>>;

export interface Composed {
  /** Errors, and warnings or hints where the composer has any. */
  readonly said: readonly string[];
  /** `Type.field` of each field to which a cost or a size of a list came through. */
  readonly costed: readonly string[];
}

const parsed = (graph: Graph) =>
  Object.entries(graph).map(([name, sdl]) => ({ name, url: `http://${name}/graphql`, typeDefs: parse(sdl) }));

const COMPOSERS: Readonly<Record<string, (graph: Graph) => Promise<Composed>>> = {
  /** Of Apollo Router: what `rover supergraph compose` runs. */
  async '@apollo/composition'(graph) {
    const { composeServices } = await import('@apollo/composition');
    const { errors = [], hints = [], supergraphSdl = '' } = composeServices(parsed(graph));
    const said = [
      ...errors.map(({ message }) => message),
      ...hints.map(({ definition, message }) => `${definition.code}: ${message.split('. ')[0]}`),
    ];
    return { said, costed: costedFields(supergraphSdl) };
  },
  /** Of Hive Gateway and Hive Router. */
  async '@theguild/federation-composition'(graph) {
    const { composeServices } = await import('@theguild/federation-composition');
    const { errors = [], supergraphSdl = '' } = composeServices(parsed(graph));
    return { said: errors.map(({ message }) => message), costed: costedFields(supergraphSdl) };
  },
  /** Of Cosmo: what `wgc router compose` runs. */
  async '@wundergraph/composition'(graph) {
    const { federateSubgraphs, LATEST_ROUTER_COMPATIBILITY_VERSION: version } = await import(
      '@wundergraph/composition'
    );
    const subgraphs = parsed(graph).map(({ name, url, typeDefs: definitions }) => ({ name, url, definitions }));
    const result = federateSubgraphs({ subgraphs, version });
    const said = [...(result.success ? [] : result.errors), ...result.warnings].map(({ message }) => message);
    const costs = result.success ? [...result.subgraphConfigBySubgraphName.values()].map((config) => config.costs) : [];
    return {
      said,
      costed: costs.flatMap((cost) => [...(cost?.fieldWeights.keys() ?? []), ...(cost?.listSizes.keys() ?? [])]).sort(),
    };
  },
};

const compose = COMPOSERS[process.argv[2] ?? ''];
if (!compose) throw new Error(`One of ${Object.keys(COMPOSERS).join(', ')}.`);
const graphs = JSON.parse(await text(process.stdin)) as Graph[];
process.stdout.write(JSON.stringify(await Promise.all(graphs.map(compose))));
