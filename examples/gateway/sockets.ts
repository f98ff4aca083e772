/** GraphQL over WebSocket for the gateway's own clients. */
import type { IncomingMessage, Server } from 'node:http';
import { type GatewayRuntime, getGraphQLWSOptions } from '@graphql-hive/gateway-runtime';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { authorizationOf } from '../../deploy/gateways/hive-gateway/authorization.ts';

/**
 * The upgrade as an HTTP request with the token in the header, so that the gateway forwards the token in the same way.
 *
 * By POST: an upgrade is a GET, for which the gateway runs no mutation.
 */
function asRequest(upgrade: IncomingMessage, params: Readonly<Record<string, unknown>> | undefined): Request {
  const authorization = authorizationOf(params) ?? upgrade.headers.authorization;
  return new Request(`http://localhost${upgrade.url}`, {
    method: 'POST',
    headers: authorization ? { authorization } : {},
  });
}

/** Returns a function that closes the sockets. */
export function serveSockets(server: Server, gateway: GatewayRuntime): () => Promise<void> {
  const sockets = new WebSocketServer({ server, path: gateway.graphqlEndpoint });
  const disposable = useServer(
    getGraphQLWSOptions(gateway, async ({ connectionParams, extra }) => {
      // Otherwise only a request over HTTP loads the schema, and a socket before it would get INTERNAL_SERVER_ERROR.
      await gateway.getSchema();
      const { request } = extra as { request: IncomingMessage };
      return { request: asRequest(request, connectionParams) };
    }),
    sockets,
  );
  return async () => disposable.dispose();
}
