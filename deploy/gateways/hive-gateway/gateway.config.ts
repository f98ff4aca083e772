/**
 * `hive-gateway supergraph`, in the mode that SUBSCRIPTION_MODE names: sse, ws or callback.
 *
 * For callback, start the service with CALLBACK_ALLOWED_URLS=http://gateway:4000/callback
 */
import { MemPubSub } from '@graphql-hive/pubsub';
import { authorizationOf } from './authorization.ts';
import { subscriptionsInWords } from './subscriptions.ts';
import { wholeCharacters } from './whole-characters.ts';

/** The subgraph that `GATEWAY_SECRET` belongs to: no other subgraph receives it. */
const REALTIME = 'realtime';
const SECRET = process.env['GATEWAY_SECRET'] ?? null;
const MODE = process.env['SUBSCRIPTION_MODE'] ?? 'sse';
/** For subscriptions in ws mode. */
const SOCKET_URL = 'ws://realtime:8081/graphql';

/** The caller's token, from a header or from `connection_init`, and the secret by which the gateway proves itself. */
function credentials(subgraphName: string, context: { readonly headers?: Record<string, unknown> }) {
  const authorization = authorizationOf(context.headers);
  return {
    ...(authorization === null ? {} : { authorization }),
    ...(subgraphName === REALTIME && SECRET !== null ? { 'router-authorization': SECRET } : {}),
  };
}

const OPTIONS: Readonly<Record<string, object>> = {
  // By POST, so that no URL is too long for a proxy.
  sse: { method: 'POST' },
  ws: {},
  callback: {
    subscriptions: {
      kind: 'http-callback',
      options: { public_url: 'http://gateway:4000/callback', path: '/callback', heartbeat_interval: 5_000 },
    },
  },
};

export const gatewayConfig = {
  supergraph: './supergraph.graphql',
  transportEntries: { [REALTIME]: { options: OPTIONS[MODE] } },
  propagateHeaders: {
    fromClientToSubgraphs: ({
      context,
      subgraphName,
    }: {
      readonly context: { readonly headers?: Record<string, unknown> };
      readonly subgraphName: string;
    }) => credentials(subgraphName, context),
  },
  plugins: () => [
    wholeCharacters,
    subscriptionsInWords((subgraphName, context) =>
      MODE === 'ws' && subgraphName === REALTIME
        ? { url: SOCKET_URL, credentials: credentials(subgraphName, context) }
        : null,
    ),
  ],
  // Carries the events of callbacks within one process. Several processes need the Redis one of @graphql-hive/pubsub.
  pubsub: new MemPubSub(),
  webhooks: true,
};
