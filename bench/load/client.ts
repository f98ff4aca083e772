/**
 * One subscriber: a TCP socket, a handshake or a request, and a count of messages.
 *
 * All sockets share one read buffer, because each read is handled before the next one.
 * A read costs a system call and a scan, and no allocation.
 */
import { connect, type Socket } from 'node:net';
import { conversationOf, findMark, MARK, nowMicros, sentAtOf, sequenceOf } from '../payload.ts';
import type { Subscriber } from '../protocol.ts';
import { BINARY, type Dialect, TEXT } from './dialects.ts';
import { EventReader } from './events.ts';
import { clientFrame, FrameReader } from './frames.ts';
import type { Tally } from './tally.ts';

const SHARED = Buffer.allocUnsafe(256 * 1024);
const CLOSE = 8;
const PING = 9;
const PONG = 10;
const END_OF_HEADERS = '\r\n\r\n';
/** Any 16 bytes: the answer to the key is not checked. */
const KEY = 'MDEyMzQ1Njc4OWFiY2RlZg==';

const upgrade = ({ path, subprotocol, headers }: Dialect, subscriber: Subscriber): string =>
  [
    `GET ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${KEY}`,
    ...(subprotocol ? [`Sec-WebSocket-Protocol: ${subprotocol}`] : []),
    ...(headers?.(subscriber) ?? []),
  ].join('\r\n') + END_OF_HEADERS;

/** The request for a stream of events. */
const post = ({ path, headers }: Dialect, subscriber: Subscriber, body: string): string =>
  [`POST ${path} HTTP/1.1`, 'Host: 127.0.0.1', `Content-Length: ${body.length}`, ...(headers?.(subscriber) ?? [])].join(
    '\r\n',
  ) +
  END_OF_HEADERS +
  body;

/** The address of the server. */
export interface Place {
  readonly host?: string;
  readonly port: number;
}

export class Client {
  readonly #index: number;
  readonly #subscriber: Subscriber;
  readonly #dialect: Dialect;
  readonly #tally: Tally;
  readonly #socket: Socket;
  readonly #reader: FrameReader | EventReader;
  /** The server's answer to the upgrade so far; null once it has come. */
  #headers: string | null = '';
  #now = 0;
  #onSubscribed: () => void = () => {};
  /** Resolves once the subscription was requested, or the socket is closed. */
  readonly subscribed = new Promise<void>((resolve) => {
    this.#onSubscribed = resolve;
  });

  constructor(
    { host = '127.0.0.1', port }: Place,
    index: number,
    subscriber: Subscriber,
    dialect: Dialect,
    tally: Tally,
  ) {
    this.#index = index;
    this.#subscriber = subscriber;
    this.#dialect = dialect;
    this.#tally = tally;
    const body = dialect.body?.(subscriber);
    this.#reader =
      body === undefined
        ? new FrameReader((opcode, buffer, at, end) => this.#onFrame(opcode, buffer, at, end))
        : new EventReader((buffer, mark) => this.#record(buffer, mark));
    const callback = (bytes: number): boolean => this.#onRead(bytes);
    this.#socket = connect({ port, host, noDelay: true, onread: { buffer: SHARED, callback } });
    this.#socket.write(body === undefined ? upgrade(dialect, subscriber) : post(dialect, subscriber, body));
    this.#socket.on('error', ({ message }) => tally.fault(message));
    this.#socket.on('close', () => {
      tally.fault('the server closed a connection');
      this.#onSubscribed();
    });
  }

  #onRead(bytes: number): boolean {
    this.#now = nowMicros();
    const from = this.#headers === null ? 0 : this.#readHeaders(bytes);
    if (this.#headers === null) this.#reader.push(SHARED, from, bytes);
    return true;
  }

  /** The offset at which the frames begin. */
  #readHeaders(bytes: number): number {
    const before = this.#headers?.length ?? 0;
    const headers = this.#headers + SHARED.toString('latin1', 0, bytes);
    const end = headers.indexOf(END_OF_HEADERS);
    this.#headers = end < 0 ? headers : null;
    if (end < 0) return bytes;
    const isStream = this.#dialect.body !== undefined;
    if (!headers.startsWith(isStream ? 'HTTP/1.1 200' : 'HTTP/1.1 101')) this.#tally.fault(headers.slice(0, 60));
    if (isStream) this.#onSubscribed();
    const greeting = this.#dialect.greet(this.#subscriber);
    if (greeting !== null) this.#send(greeting);
    return end + END_OF_HEADERS.length - before;
  }

  #onFrame(opcode: number, buffer: Buffer, at: number, end: number): void {
    if (opcode === PING) this.#socket.write(clientFrame(PONG, buffer.subarray(at, end)));
    else if (opcode === CLOSE) this.#tally.fault(`closed: ${buffer.toString('latin1', at + 2, end)}`);
    else if (opcode !== TEXT && opcode !== BINARY) return;
    else if (this.#dialect.isBatched) this.#readBatch(buffer, at, end);
    else {
      const mark = findMark(buffer, at, end);
      if (mark < 0) this.#answer(buffer.toString('utf8', at, end));
      else {
        this.#tally.frame(end - at);
        this.#record(buffer, mark);
      }
    }
  }

  #readBatch(buffer: Buffer, at: number, end: number): void {
    const batch = buffer.subarray(at, end);
    let mark = batch.indexOf(MARK);
    if (mark < 0) return this.#answer(batch.toString());
    this.#tally.frame(end - at);
    for (; mark >= 0; mark = batch.indexOf(MARK, mark + 1)) this.#record(batch, mark);
  }

  #record(buffer: Buffer, mark: number): void {
    const conversation = conversationOf(buffer, mark);
    this.#tally.record(this.#index, conversation, sequenceOf(buffer, mark), sentAtOf(buffer, mark), this.#now);
  }

  #answer(text: string): void {
    const { reply, isSubscribed, fault } = this.#dialect.answer(text, this.#subscriber);
    if (reply !== undefined) this.#send(reply);
    if (isSubscribed) this.#onSubscribed();
    if (fault !== undefined) this.#tally.fault(fault);
  }

  #send(text: string): void {
    this.#socket.write(clientFrame(this.#dialect.opcode, Buffer.from(text)));
  }
}
