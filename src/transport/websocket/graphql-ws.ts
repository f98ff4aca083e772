/** GraphQL over WebSocket, subprotocol `graphql-transport-ws`: admission of sockets. */

import type { IncomingMessage } from 'node:http';
import type { GraphQLError } from 'graphql';
import { CloseCode, GRAPHQL_TRANSPORT_WS_PROTOCOL, handleProtocols } from 'graphql-ws';
import { secretOfConnectionInit, secretOfHeaders } from '../../access/gateway.ts';
import { textOfConnectionInit, tokenOfConnectionInit } from '../../access/token-location.ts';
import type { Clock } from '../../clock.ts';
import { CLOSE_CODES, type ServiceError } from '../../errors.ts';
import { toGraphQLError } from '../../graphql/errors.ts';
import { TIMES } from '../../limits.ts';
import { noRoom, type Refused } from '../peers/admission.ts';
import { closingError } from '../peers/closing-error.ts';
import { Deadline } from '../peers/deadline.ts';
import { Connection } from './connection.ts';
import { type Beginning, GraphqlSocket } from './graphql-socket.ts';
import type { GraphqlWsOptions } from './graphql-ws-options.ts';
import type { Sockets } from './peer-socket.ts';
import type { SocketEndpoint } from './upgrade.ts';

export function createGraphqlWs(options: GraphqlWsOptions): SocketEndpoint {
  const late = new Deadline<Connection>(options.clock, TIMES.connectionInitMs, (connection) =>
    connection.close(CLOSE_CODES.TIMEOUT, 'Connection initialisation timeout'),
  );
  const beginning: Beginning = {
    authenticate(socket, params) {
      late.end(socket.connection);
      return authenticate(socket, params);
    },
    end: (socket) => late.end(socket.connection),
  };
  const isToldInWords = ({ headers }: IncomingMessage): boolean =>
    options.standingOf(secretOfHeaders(headers)).isProven;

  function open(sockets: Sockets, request: IncomingMessage): GraphqlSocket {
    const connection = new Connection(sockets, options.clock, options.log, options.connections);
    const { authorization, 'user-agent': userAgent = null } = request.headers;
    const headers = { authorization, secret: secretOfHeaders(request.headers) };
    late.begin(connection);
    const socket = new GraphqlSocket(connection, options, { headers, userAgent }, beginning);
    connection.onFrame(socket);
    return socket;
  }

  return {
    path: '/graphql',
    handleProtocols,
    needsProtocol: true,
    isToldInWords,
    accept(sockets, request) {
      const { connection } = open(sockets, request);
      options.admission.enter(connection, 'graphql_ws', sockets.address);
      requireProtocol(sockets, connection);
    },
    turnAway(sockets, request) {
      if (!isToldInWords(request)) return false;
      const socket = open(sockets, request);
      socket.isTurnedAway = true;
      if (!options.admission.keepTurnedAway(socket.connection)) return false;
      requireProtocol(sockets, socket.connection);
      return true;
    },
  };
}

/** Reports on its socket that a client offered no subprotocol. */
function requireProtocol({ webSocket }: Sockets, connection: Connection): void {
  if (webSocket.protocol !== GRAPHQL_TRANSPORT_WS_PROTOCOL) {
    connection.close(CloseCode.SubprotocolNotAcceptable, 'Subprotocol not acceptable');
  }
}

/** Returns the acknowledgement's payload, or closes the socket with the contract's code. */
async function authenticate(
  socket: GraphqlSocket,
  params: Readonly<Record<string, unknown>> | undefined,
): Promise<true | Record<string, unknown> | null> {
  const { connection, headers, options } = socket;
  const { admission, standingOf } = options;
  socket.headers = null;
  socket.standing = standingOf(secretOfConnectionInit(params, headers?.secret));
  const isGateway = socket.standing.isProven;
  if (isGateway) {
    admission.vouch(connection);
    connection.bePatientWith('gateway');
    connection.setFinalFrames((code, reason) => lastWords(socket.ids, closingError(code, reason), options));
  }
  const token = tokenOfConnectionInit(params, headers?.authorization);
  const deviceId = textOfConnectionInit(params, 'deviceId');
  const credentials = { token, deviceId, connectionType: 'GRAPHQL_WS', isGateway } as const;
  const admitted = socket.isTurnedAway ? noRoom() : await admission.admit(connection, credentials);
  if (!('error' in admitted)) {
    socket.meter = admitted.meter;
    if (isGateway) socket.cap = options.gatewayCaps.of(admitted.viewer);
    return { connectionId: connection.id };
  }
  if (!isGateway) {
    connection.close(admitted.code, admitted.reason);
    return null;
  }
  socket.refuse = keepForRefusals(connection, admitted, options.clock);
  return true;
}

/** The error messages of operations that end with their socket. */
function lastWords(ids: readonly string[], error: ServiceError, { formatError }: GraphqlWsOptions): string[] {
  const payload = [formatError(error)];
  return ids.map((id) => JSON.stringify({ id, type: 'error', payload }));
}

/**
 * Keeps a refused gateway's socket open, so that each operation gets the refusal. The socket is closed after a while
 * without operations. Returns the refusal.
 */
function keepForRefusals(connection: Connection, { code, reason, error }: Refused, clock: Clock): () => GraphQLError {
  let cancel = (): void => undefined;
  const wait = (): void => {
    cancel();
    cancel = clock.after(TIMES.idleGatewayMs, () => connection.close(code, reason));
  };
  wait();
  connection.onClose(() => cancel());
  return () => {
    wait();
    return toGraphQLError(error);
  };
}
