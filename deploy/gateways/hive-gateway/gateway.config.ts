/**
 * `hive-gateway supergraph`, in the mode that SUBSCRIPTION_MODE names: sse, ws or callback.
 *
 * For callback, start the service with CALLBACK_ALLOWED_URLS=http://gateway:4000/callback
 */
import { MemPubSub } from '@graphql-hive/pubsub';

/** The subgraph whose secret `GATEWAY_SECRET` is: no other is sent it. */
const REALTIME = 'realtime';
const SECRET = process.env['GATEWAY_SECRET'] ?? null;

/** The caller's token, and the secret by which the gateway proves itself. */
const CREDENTIALS = {
  authorization: '{context.headers.authorization}',
  'router-authorization': '{env.GATEWAY_SECRET}',
};

const MODES = {
  sse: { method: 'POST' },
  ws: {
    subscriptions: {
      kind: 'ws',
      location: 'ws://realtime:8081/graphql',
      options: { connectionParams: CREDENTIALS },
    },
  },
  callback: {
    subscriptions: {
      kind: 'http-callback',
      headers: Object.entries(CREDENTIALS),
      options: { public_url: 'http://gateway:4000/callback', path: '/callback', heartbeat_interval: 5_000 },
    },
  },
};

export const gatewayConfig = {
  supergraph: './supergraph.graphql',
  transportEntries: {
    [REALTIME]: { options: MODES[(process.env['SUBSCRIPTION_MODE'] ?? 'sse') as keyof typeof MODES] },
  },
  propagateHeaders: {
    fromClientToSubgraphs: ({
      request,
      subgraphName,
    }: {
      readonly request: Request;
      readonly subgraphName: string;
    }) => ({
      authorization: request.headers.get('authorization'),
      'router-authorization': subgraphName === REALTIME ? SECRET : null,
    }),
  },
  // What callbacks arrive by; one process only. Several share @graphql-hive/pubsub's Redis one.
  pubsub: new MemPubSub(),
  webhooks: true,
};
