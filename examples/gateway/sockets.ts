/** GraphQL over WebSocket for the gateway's own clients. */
import type { IncomingMessage, Server } from 'node:http';
import { type GatewayRuntime, getGraphQLWSOptions } from '@graphql-hive/gateway-runtime';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { authorizationOf } from '../../deploy/gateways/hive-gateway/authorization.ts';

/**
 * The upgrade as a request that carries the token as one over HTTP would, so that it is forwarded in the same way.
 *
 * By POST: the gateway runs no mutation of a request by GET, which an upgrade is.
 */
function asRequest(upgrade: IncomingMessage, params: Readonly<Record<string, unknown>> | undefined): Request {
  const authorization = authorizationOf(params) ?? upgrade.headers.authorization;
  return new Request(`http://localhost${upgrade.url}`, {
    method: 'POST',
    headers: authorization ? { authorization } : {},
  });
}

/** The answer closes them. */
export function serveSockets(server: Server, gateway: GatewayRuntime): () => Promise<void> {
  const sockets = new WebSocketServer({ server, path: gateway.graphqlEndpoint });
  const disposable = useServer(
    getGraphQLWSOptions(gateway, async ({ connectionParams, extra }) => {
      // Read by the first request over HTTP only: a socket that comes before would be told INTERNAL_SERVER_ERROR.
      await gateway.getSchema();
      const { request } = extra as { request: IncomingMessage };
      return { request: asRequest(request, connectionParams) };
    }),
    sockets,
  );
  return async () => disposable.dispose();
}
