/** What streams over HTTP share with sockets: capacity, presence, metrics, the end of a token. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { fixedBearer } from '../../access/bearer.ts';
import type { Clock } from '../../clock.ts';
import type { TokenWatch } from '../../delivery/sessions/token-watch.ts';
import type { Presence } from '../../domain/presence.ts';
import { CLOSE_CODES, ServiceError } from '../../errors.ts';
import type { FormatError } from '../../graphql/errors.ts';
import { type Log, who } from '../../log.ts';
import type { ConnectionId, ConnectionType, DeviceId, Viewer } from '../../model.ts';
import type { Metrics, Transport } from '../../observability/metrics.ts';
import type { AddressOf } from '../peers/address.ts';
import type { Lifetime } from '../peers/lifetime.ts';
import type { Peer, Supervisor } from '../peers/supervisor.ts';
import type { UnsentBytes } from '../peers/unsent-bytes.ts';
import type { StreamTiming } from './http-stream.ts';
import type { SilentClients } from './silent-clients.ts';

export interface StreamsOptions {
  readonly tokens: TokenWatch;
  readonly supervisor: Supervisor;
  readonly addressOf: AddressOf;
  /** The connection carries no plain requests from now on. */
  readonly leavePlain: (socket: Socket) => void;
  readonly silentClients: SilentClients;
  readonly metrics: Metrics;
  readonly formatError: FormatError;
  readonly clock: Clock;
  readonly log: Log;
  readonly maxQueuedBytes: number;
  readonly timing: StreamTiming;
  readonly unsent: UnsentBytes;
  readonly arrive: Presence['arrive'];
  readonly depart: Presence['depart'];
}

export type StreamPeer = Peer & { readonly viewer: Viewer; readonly lifetime: Lifetime };

export class Streams {
  readonly #options: StreamsOptions;

  constructor(options: StreamsOptions) {
    this.#options = options;
  }

  /** Admits a stream and counts it, synchronously; false: there is no room. */
  enter(peer: StreamPeer, request: IncomingMessage, isGateway: boolean): boolean {
    const { addressOf, supervisor } = this.#options;
    const address = addressOf(request);
    if (!supervisor.admitsStream(address, peer.viewer, isGateway)) return false;
    supervisor.addStream(peer, address, peer.viewer, isGateway);
    return true;
  }

  /** The connection now carries the stream, which ends when the client closes or vanishes. */
  takeOver(socket: Socket, peer: StreamPeer & { cut(): void }): void {
    this.#options.leavePlain(socket);
    peer.onClose(this.#options.silentClients.watch(socket, () => peer.cut()));
  }

  get timing(): StreamTiming {
    return this.#options.timing;
  }

  /** The time after which a retry makes sense. */
  get retryAfterMs(): number {
    return (this.#options.supervisor.drainingS ?? 1) * 1_000;
  }

  outletOptions(viewer: Viewer, transport: Transport) {
    const { formatError, clock, maxQueuedBytes, timing, unsent, metrics } = this.#options;
    const delivered = (event: object): void => metrics.delivered(event, transport, viewer);
    const formatEnd: FormatError = (error) => {
      if (error instanceof ServiceError && error.isSlowReader) metrics.slowReaders.inc({ transport });
      return formatError(error);
    };
    return { viewer, formatError: formatEnd, clock, maxQueuedBytes, timing, unsent, delivered };
  }

  /** Counts the viewer of an admitted stream as present while it lasts. */
  async add(peer: StreamPeer, transport: Transport, connectionType: ConnectionType): Promise<void> {
    const { metrics, arrive, depart, tokens, clock, log } = this.#options;
    const { viewer } = peer;
    const connectionId = randomUUID() as string as ConnectionId;
    const deviceId = viewer.deviceId ?? (connectionId as string as DeviceId);
    metrics.connections.inc({ transport });
    const openedAt = clock.elapsed();
    log.info({ connection: connectionId, type: connectionType, ...who(viewer) }, 'stream admitted');
    peer.onClose(() => {
      metrics.connections.dec({ transport });
      const durationMs = Math.round(clock.elapsed() - openedAt);
      log.info({ connection: connectionId, transport, durationMs, ...who(viewer) }, 'stream closed');
    });
    const onTokenEnd = (): void => peer.close(CLOSE_CODES.UNAUTHORIZED, 'REVOKED');
    const holder = { bearer: fixedBearer(viewer), onTokenEnd };
    await tokens.watchTokens(holder);
    peer.lifetime.onEnd(() => tokens.forgetTokens(holder));
    await arrive(viewer, { connectionId, deviceId, connectionType });
    if (peer.isOpen) peer.onClose(() => depart(viewer, connectionId));
    else depart(viewer, connectionId);
  }

  /** Counts the subscription a stream carries. */
  opened(peer: StreamPeer, transport: Transport): void {
    const { subscriptions } = this.#options.metrics;
    subscriptions.inc({ transport });
    peer.lifetime.onEnd(() => subscriptions.dec({ transport }));
  }
}
