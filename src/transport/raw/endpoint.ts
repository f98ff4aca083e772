/** `/ws`: the protocol of older clients, as a thin adapter; see docs/websocket-protocol.md. */
import type { IncomingMessage } from 'node:http';
import { tokenOfHeader } from '../../access/token-location.ts';
import { badInput, CLOSE_CODES, type ServiceError } from '../../errors.ts';
import { refundBadInput } from '../../graphql/metering.ts';
import { LIMITS } from '../../limits.ts';
import type { Meter } from '../../model.ts';
import { Connection } from '../websocket/connection.ts';
import type { FrameHandler } from '../websocket/frame-handler.ts';
import type { Sockets } from '../websocket/peer-socket.ts';
import type { SocketEndpoint } from '../websocket/upgrade.ts';
import { RawClient } from './client.ts';
import { Feed } from './feed.ts';
import { type Frame, FrameError, type FrameType, inWordsOf, parseFrame } from './frames.ts';
import { HANDLERS } from './handlers.ts';
import { meterFrame, peopleIn } from './metering.ts';
import type { RawParts, RawServices } from './parts.ts';
import { createRendering } from './rendering.ts';

/** A subprotocol that carries a token, since browsers cannot set headers. */
const TOKEN_PROTOCOL = 'access_token.';

const tokenProtocols = (offered: Iterable<string>): string[] =>
  [...offered].filter((protocol) => protocol.startsWith(TOKEN_PROTOCOL));

/** The one token of a request; null for none, or for several. */
function tokenOf({ url = '', headers }: IncomingMessage): string | null {
  const query = new URLSearchParams(url.split('?')[1] ?? '').getAll('token');
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim());
  const ofProtocols = tokenProtocols(offered).map((protocol) => protocol.slice(TOKEN_PROTOCOL.length));
  const ofHeader = tokenOfHeader(headers.authorization);
  const [token, ...others] = new Set([...query, ...ofProtocols, ...(ofHeader ? [ofHeader] : [])]);
  return token && others.length === 0 ? token : null;
}

export function createRawEndpoint(given: RawServices): SocketEndpoint {
  const options: RawParts = { ...given, rendering: createRendering(given.domain) };
  return {
    path: '/ws',
    handleProtocols: (offered) => tokenProtocols(offered)[0] ?? false,
    needsProtocol: false,
    accept(sockets, request) {
      new RawSocket(sockets, request, options);
    },
  };
}

class RawSocket implements FrameHandler {
  readonly #connection: Connection;
  readonly #options: RawParts;
  /** Null before the client has begun, and when it was refused. */
  #client: RawClient | null = null;
  /** Pending until the client has begun or was refused. */
  #beginning: Promise<void> | null;

  constructor(sockets: Sockets, request: IncomingMessage, options: RawParts) {
    const connection = new Connection(sockets, options.clock, options.log, options.connections);
    this.#connection = connection;
    this.#options = options;
    options.admission.enter(connection, 'websocket', sockets.address);
    connection.onBinary(() => void this.#refuse(badInput('Only text frames are accepted.')));
    this.#beginning = this.#decide(request);
    connection.onFrame(this);
  }

  async #decide(request: IncomingMessage): Promise<void> {
    const connection = this.#connection;
    try {
      this.#client = await this.#begin(request);
    } catch (error) {
      this.#options.log.warn({ err: error, connection: connection.id }, 'raw connection not started');
      connection.close(CLOSE_CODES.TRY_AGAIN_LATER, 'Try again later');
    } finally {
      this.#beginning = null;
    }
  }

  /** Null: it was closed with the contract's code. */
  async #begin(request: IncomingMessage): Promise<RawClient | null> {
    const connection = this.#connection;
    const { admission, clock, connections } = this.#options;
    const deviceId = new URLSearchParams((request.url ?? '').split('?')[1] ?? '').get('device_id');
    const credentials = { token: tokenOf(request), deviceId, connectionType: 'WEBSOCKET', isGateway: false } as const;
    const admitted = await admission.admit(connection, credentials);
    if ('error' in admitted) {
      connection.close(admitted.code, admitted.reason);
      return null;
    }
    const { viewer, meter } = admitted;
    const session = viewer.sessionId ?? viewer.deviceId ?? deviceId ?? viewer.userId;
    const reportError = (error: ServiceError, about: object = {}): void => void this.#refuse(error, null, about);
    const feed = new Feed({ connection, session, reportError }, this.#options);
    const client = new RawClient({ connection, meter, feed, reportError }, this.#options);
    const isResumed = await feed.open();
    await this.#send('Status', {
      status: 'connected',
      connection_id: connection.id,
      user_id: viewer.userId,
      session_id: session,
      server_time: new Date(clock.now()).toISOString(),
      heartbeat_interval_ms: connections.heartbeatIntervalMs,
      resumed: isResumed,
    });
    feed.begin();
    return client;
  }

  async handle(text: string): Promise<void> {
    if (this.#beginning) await this.#beginning;
    const client = this.#client;
    if (!client) return;
    const { meter } = client;
    meter.spend(Math.floor(text.length / LIMITS.charactersPerUnit));
    let id: string | null = null;
    let type: FrameType | null = null;
    try {
      const parsed = parseAtCost(text, meter);
      id = parsed.id;
      type = parsed.frame.type;
      await dispatch(parsed.frame, client, (type, data) => this.#send(type, data, id));
    } catch (error) {
      await this.#refuse(error, error instanceof FrameError ? error.frameId : id, {}, type);
    }
  }

  async #refuse(
    error: unknown,
    id: string | null = null,
    about: object = {},
    type: FrameType | null = null,
  ): Promise<void> {
    const { message, extensions } = this.#options.formatError(error);
    const { code, retryAfterMs, reason, conversationId, length } = extensions ?? {};
    const data = {
      code,
      message: type === null ? message : inWordsOf(type, message),
      ...(retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }),
      ...(reason === undefined ? {} : { reason }),
      ...(length === undefined ? {} : { length }),
      ...(conversationId === undefined ? {} : { conversation_id: conversationId }),
      ...about,
    };
    await this.#send('Error', data, id);
  }

  #send(type: string, data: object, id: string | null = null): Promise<void> {
    return this.#connection.send(JSON.stringify({ type, data, ...(id === null ? {} : { id }) }));
  }
}

/** An invalid frame is parsed and answered, too, so it costs as much as the cheapest operation. */
function parseAtCost(text: string, meter: Meter): ReturnType<typeof parseFrame> {
  try {
    return parseFrame(text);
  } catch (error) {
    meter.spend(1);
    throw error;
  }
}

async function dispatch(
  frame: Frame,
  client: RawClient,
  answer: Parameters<(typeof HANDLERS)['Ping']>[2],
): Promise<void> {
  meterFrame(frame, client.meter);
  const handle = HANDLERS[frame.type] as (data: unknown, ...rest: unknown[]) => Promise<void>;
  const people = peopleIn(frame);
  const handled = handle(frame.data, client, answer);
  await (people > 0 ? refundBadInput(handled, () => client.meter.unname(people)) : handled);
}
