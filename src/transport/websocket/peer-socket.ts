/** The web socket of ws, and the TCP socket under it, report their events to a connection. */
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { CLOSE_CODES } from '../../errors.ts';

/** The reasons of closes by ws itself, which gives the code only. */
const REASONS: Readonly<Record<number, string>> = {
  1002: 'A frame that the protocol of web sockets does not allow',
  1007: 'A text that is not UTF-8',
  [CLOSE_CODES.TOO_MANY_FRAGMENTS]: 'A message in too many fragments',
  [CLOSE_CODES.TOO_BIG]: 'A frame longer than MAX_MESSAGE_BYTES',
};

/** Events of a socket for its connection. */
export interface SocketEvents {
  onMessage(data: Buffer, isBinary: boolean): void;
  onPing(): void;
  onPong(data: Buffer): void;
  /** A close begins, by either side. */
  onBeforeClose(code: number | undefined): void;
  onClosing(code: number | undefined): void;
  onClosed(code: number, reason: Buffer): void;
  onError(error: Error): void;
}

/**
 * Reports the events of a socket to its connection without a listener for each event, which would take a kilobyte per socket.
 *
 * It also reports the beginning of a close by either side, before it happens: ws itself only reports it afterwards.
 */
export class PeerSocket extends WebSocket {
  #connection: SocketEvents | null = null;

  attach(connection: SocketEvents): void {
    this.#connection = connection;
  }

  override emit(name: string | symbol, ...args: unknown[]): boolean {
    const connection = this.#connection;
    if (!connection) return super.emit(name, ...args);
    if (name === 'message') connection.onMessage(args[0] as Buffer, args[1] as boolean);
    else if (name === 'ping') connection.onPing();
    else if (name === 'pong') connection.onPong(args[0] as Buffer);
    else if (name === 'close') connection.onClosed(args[0] as number, args[1] as Buffer);
    else if (name === 'error') connection.onError(args[0] as Error);
    else return false;
    return true;
  }

  override close(code?: number, data: string | Buffer | undefined = REASONS[code ?? 0]): void {
    if (this.readyState === WebSocket.OPEN) this.#connection?.onBeforeClose(code);
    super.close(code, data);
    this.#connection?.onClosing(code);
  }
}

/** A web socket, and the TCP socket under it from the upgrade. */
export interface Sockets {
  readonly webSocket: PeerSocket;
  readonly raw: Duplex;
  /** The address by which the peer is counted; null: it is not. */
  readonly address: string | null;
}

/** The property of a TCP socket that refers to its connection. */
const CONNECTION = Symbol('connection');

interface RawEvents {
  onPiece(piece: Buffer): void;
  onRawEnd(): void;
}

type TcpSocket = Duplex & { [CONNECTION]?: RawEvents };

// The same functions for all sockets; each finds the connection on its socket.
function onRawData(this: TcpSocket, piece: Buffer): void {
  this[CONNECTION]?.onPiece(piece);
}

function onRawEnd(this: TcpSocket): void {
  this[CONNECTION]?.onRawEnd();
}

/** Reports what arrives on the TCP socket under a web socket, and its end. */
export function attachRaw(raw: Duplex, connection: RawEvents): void {
  (raw as TcpSocket)[CONNECTION] = connection;
  raw.on('data', onRawData).on('end', onRawEnd).on('close', onRawEnd);
}
