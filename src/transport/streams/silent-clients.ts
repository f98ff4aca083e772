/**
 * Detects clients of HTTP streams that vanished without a FIN: power cut, network loss.
 *
 * A stream gets no answers, and the kernel retransmits its bytes for a quarter of an hour before it gives up. Linux
 * shows the number of retransmissions since the last acknowledgement in `/proc/net/tcp`. A client that acknowledges
 * nothing for `CLIENT_TIMEOUT` is gone, like a socket that answers no ping.
 *
 * A client that reads nothing still acknowledges, so it is not affected. On other systems, and behind a proxy that
 * keeps its connection, `STREAM_LIFETIME` ends them.
 */
import { open } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { endianness } from 'node:os';
import ipaddr from 'ipaddr.js';
import type { Clock } from '../../clock.ts';

/** The number of retransmissions of each connection, by `connectionKey`; null: the system does not show it. */
export type ReadRetries = () => Promise<ReadonlyMap<string, number> | null>;

const ESTABLISHED = '01';
/** The timer by which the kernel retransmits. */
const AGAIN = ' 01:';
const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'];

/** The used fields of a line, in the order of `proc_pid_net(5)`. */
function rowOf(line: string) {
  const [, local, remote, state, , timer, retries = ''] = line.split(' ').filter(Boolean);
  return { connection: `${local} ${remote}`, state, timer, retries: Number.parseInt(retries, 16) };
}

/** Line by line, since a table of 10,000 connections has more than a megabyte, and few of them retransmit. */
async function addRetries(table: string, retries: Map<string, number>): Promise<boolean> {
  const file = await open(table).catch(() => null);
  if (file === null) return false;
  for await (const line of file.readLines()) {
    if (!line.includes(AGAIN)) continue;
    const row = rowOf(line);
    if (row.state === ESTABLISHED && row.timer?.startsWith(AGAIN.trim())) retries.set(row.connection, row.retries);
  }
  return true;
}

export async function readRetries(tables: readonly string[] = TABLES): ReturnType<ReadRetries> {
  const retries = new Map<string, number>();
  const found = await Promise.all(tables.map((table) => addRetries(table, retries)));
  return found.includes(true) ? retries : null;
}

/** An address in the format of those tables: 32-bit words in the byte order of this machine. */
function wordsOf(address: string): string {
  const bytes = Buffer.from(ipaddr.parse(address).toByteArray());
  return (endianness() === 'LE' ? bytes.swap32() : bytes).toString('hex').toUpperCase();
}

const portOf = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');

/** The name of a connection in those tables; null once it has ended. */
export function connectionKey({ localAddress, localPort, remoteAddress, remotePort }: Socket): string | null {
  if (!localAddress || !localPort || !remoteAddress || !remotePort) return null;
  return `${wordsOf(localAddress)}:${portOf(localPort)} ${wordsOf(remoteAddress)}:${portOf(remotePort)}`;
}

interface Client {
  readonly key: string;
  /** Retransmissions at the last look. */
  retries: number;
  silentSince: number;
  readonly cut: () => void;
}

/** Checks within the time after which a silent client is gone. */
const LOOKS = 6;

export class SilentClients {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #readRetries: ReadRetries;
  readonly #clients = new Set<Client>();
  #isLooking = false;
  #stop: (() => void) | null = null;

  constructor(clock: Clock, timeoutMs: number, read: ReadRetries = () => readRetries()) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#readRetries = read;
  }

  /** Closes the connection at once when nothing was acknowledged for too long. The returned function forgets it. */
  watch(socket: Socket, cut: () => void): () => void {
    const key = connectionKey(socket);
    if (key === null) return () => undefined;
    const client: Client = { key, retries: 0, silentSince: 0, cut };
    this.#clients.add(client);
    this.#stop ??= this.#clock.every(this.#timeoutMs / LOOKS, () => void this.#look());
    return () => {
      this.#clients.delete(client);
      if (this.#clients.size > 0) return;
      this.#stop?.();
      this.#stop = null;
    };
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const retries = await this.#readRetries().catch(() => null);
    this.#isLooking = false;
    const now = this.#clock.elapsed();
    for (const client of retries ? this.#clients : []) this.#judge(client, retries?.get(client.key) ?? 0, now);
  }

  /** The kernel restarts its count whenever the peer acknowledges anything. */
  #judge(client: Client, retries: number, now: number): void {
    if (retries === 0 || retries < client.retries || client.retries === 0) client.silentSince = now;
    client.retries = retries;
    if (retries > 0 && now - client.silentSince >= this.#timeoutMs) client.cut();
  }
}
