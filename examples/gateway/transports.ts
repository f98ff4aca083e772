/** How subscriptions travel between the gateway and its subgraphs. */
import type { TransportEntryAdditions } from '@graphql-hive/gateway-runtime';
import type { Settings } from './settings.ts';
import type { Subgraph } from './supergraph.ts';

export const CALLBACK_PATH = '/callback';
/** A subscription is over when the subgraph has not said a word for this long. */
const CALLBACK_HEARTBEAT_MS = 5_000;

/** The caller's token, and the secret by which the gateway proves itself: what propagated headers carry elsewhere. */
const CREDENTIALS = {
  authorization: '{context.headers.authorization}',
  'router-authorization': '{env.GATEWAY_SECRET}',
};

/** One subgraph's entry in Hive Gateway's `transportEntries`. */
export function transportEntry(
  { mode, publicUrl }: Settings,
  { subscriptionUrl }: Subgraph,
): TransportEntryAdditions[string] {
  switch (mode) {
    case 'sse':
      // By POST, so that no URL grows too long for a proxy on the way.
      return { options: { method: 'POST' } };
    case 'ws':
      return {
        options: {
          subscriptions: {
            kind: 'ws',
            ...(subscriptionUrl ? { location: subscriptionUrl } : {}),
            options: { connectionParams: CREDENTIALS },
          },
        },
      };
    case 'callback':
      return {
        options: {
          subscriptions: {
            kind: 'http-callback',
            headers: Object.entries(CREDENTIALS),
            options: {
              public_url: `${publicUrl}${CALLBACK_PATH}`,
              path: CALLBACK_PATH,
              heartbeat_interval: CALLBACK_HEARTBEAT_MS,
            },
          },
        },
      };
  }
}
