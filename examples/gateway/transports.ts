/** How subscriptions travel between the gateway and its subgraphs. */
import type { TransportEntryAdditions } from '@graphql-hive/gateway-runtime';
import type { Settings } from './settings.ts';
import type { Subgraph } from './supergraph.ts';
import { credentialsFor } from './trust.ts';

export const CALLBACK_PATH = '/callback';
/** A subscription is over when the subgraph has not said a word for this long. */
const CALLBACK_HEARTBEAT_MS = 5_000;

/** The caller's token, and the secret by which the gateway proves itself: what propagated headers carry elsewhere. */
const CREDENTIALS = { authorization: '{context.headers.authorization}', secret: '{env.GATEWAY_SECRET}' };

/** One subgraph's entry in Hive Gateway's `transportEntries`. */
export function transportEntry(
  settings: Settings,
  { name, subscriptionUrl }: Subgraph,
): TransportEntryAdditions[string] {
  const { mode, publicUrl } = settings;
  const credentials = credentialsFor(settings, name, CREDENTIALS);
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
            options: { connectionParams: credentials },
          },
        },
      };
    case 'callback':
      return {
        options: {
          subscriptions: {
            kind: 'http-callback',
            headers: Object.entries(credentials),
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
