/**
 * Hive Gateway in front of the real-time subgraph and others.
 *
 * `node examples/gateway/gateway.ts`. `settings.ts` has the settings from the environment.
 */
import { createServer } from 'node:http';
import {
  createGatewayRuntime,
  type GatewayPlugin,
  type GatewayRuntime,
  type TransportEntryAdditions,
} from '@graphql-hive/gateway-runtime';
import { MemPubSub } from '@graphql-hive/pubsub';
import { authorizationOf } from '../../deploy/gateways/hive-gateway/authorization.ts';
import type { Place } from '../../deploy/gateways/hive-gateway/sockets.ts';
import { subscriptionsInWords } from '../../deploy/gateways/hive-gateway/subscriptions.ts';
import { wholeCharacters } from '../../deploy/gateways/hive-gateway/whole-characters.ts';
import { healthOf } from './health.ts';
import { register } from './registration.ts';
import { readSettings } from './settings.ts';
import { serveSockets } from './sockets.ts';
import { type Outcome, Supergraph } from './supergraph.ts';
import { socketUrlOf, transportEntry } from './transports.ts';
import { credentialsFor } from './trust.ts';
import { watch } from './watch.ts';

const settings = readSettings(process.env);
const supergraph = new Supergraph();
/** The gateway reads these for each new supergraph. */
const transportEntries: TransportEntryAdditions = {};
let runtime: GatewayRuntime | null = null;

function follow(name: string, outcome: Outcome): void {
  if (outcome.outcome === 'refused')
    return console.error(`${name} does not compose; the supergraph stays.`, outcome.errors);
  if (outcome.outcome === 'unchanged') return;
  for (const subgraph of supergraph.subgraphs) transportEntries[subgraph.name] = transportEntry(settings);
  console.log(`Composed: ${supergraph.subgraphs.map((subgraph) => subgraph.name).join(', ')}`);
  runtime?.invalidateUnifiedGraph();
}

/** Endpoints of this gateway beside GraphQL. */
const endpoints: GatewayPlugin = {
  async onRequest({ request, url, endResponse, fetchAPI }) {
    const answer = (status: number, body: object): void => endResponse(fetchAPI.Response.json(body, { status }));
    if (url.pathname === '/health/detailed' && request.method === 'GET') {
      const health = await healthOf(supergraph, settings);
      return answer(health.status === 'ok' ? 200 : 503, health);
    }
    if (url.pathname === '/register' && request.method === 'POST') {
      const { status, body } = await register(request, supergraph, settings, follow);
      return answer(status, body);
    }
  },
};

/** The credentials of a request to a subgraph: the caller's token, and the secret by which the gateway proves itself. */
const credentials = (name: string, { headers }: { readonly headers?: Record<string, unknown> }) =>
  credentialsFor(settings, name, { authorization: authorizationOf(headers), secret: settings.secret });

/** The WebSocket for subscriptions to a subgraph; null: the mode uses none. */
function socketOf(name: string, context: object): Place | null {
  const subgraph = settings.mode === 'ws' ? supergraph.get(name) : undefined;
  return subgraph ? { url: socketUrlOf(subgraph), credentials: credentials(name, context) } : null;
}

const stopping = new AbortController();
await watch(supergraph, settings, follow, stopping.signal);
const gateway = createGatewayRuntime({
  supergraph: () => supergraph.sdl,
  transportEntries,
  // Running queries and mutations finish on the supergraph that they began with.
  gracefulSchemaReload: { drainTimeout: 10_000 },
  propagateHeaders: {
    fromClientToSubgraphs: ({ context, subgraphName }) => credentials(subgraphName, context),
  },
  pubsub: new MemPubSub(),
  webhooks: settings.mode === 'callback',
  plugins: () => [endpoints, wholeCharacters, subscriptionsInWords(socketOf)],
  landingPage: false,
  logging: 'warn',
});
runtime = gateway;

const server = createServer(gateway);
const closeSockets = serveSockets(server, gateway);
server.listen(settings.port, () => console.log(`Gateway at ${settings.publicUrl}/graphql, ${settings.mode} mode`));

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    stopping.abort();
    server.close();
    await closeSockets();
    await gateway.dispose();
    process.exit(0);
  });
}
