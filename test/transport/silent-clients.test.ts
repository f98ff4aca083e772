/** Clients of HTTP streams that vanish without a close are gone within CLIENT_TIMEOUT, where the kernel reveals it. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { connectionKey, readRetries, SilentClients } from '../../src/transport/streams/silent-clients.ts';
import { IS_FULL } from '../faults/settings.ts';
import { StillClock } from '../support/still-clock.ts';

const TIMEOUT_MS = 60_000;

describe('a client that acknowledges nothing', () => {
  const socket = { localAddress: '::ffff:10.0.0.1', localPort: 8081, remoteAddress: '::ffff:10.0.0.2', remotePort: 1 };
  const key = connectionKey(socket as Socket) as string;

  /** What is read of it at each look, ten seconds apart; answers after how many looks it was cut off, 0: never. */
  async function cutAfter(seen: readonly (number | null)[]): Promise<number> {
    const clock = new StillClock();
    let looks = 0;
    let cut = 0;
    const read = async () => {
      const times = seen[looks++] ?? 0;
      return seen[looks - 1] === null ? null : new Map([[key, times]]);
    };
    const clients = new SilentClients(clock, TIMEOUT_MS, read);
    const forget = clients.watch(socket as Socket, () => {
      cut ||= looks;
    });
    for (const _ of seen) {
      clock.advance(TIMEOUT_MS / 6);
      await new Promise(setImmediate);
    }
    expect(looks).toBe(seen.length);
    forget();
    expect(clock.pending).toBe(0);
    return cut;
  }

  it.each([
    ['was never asked again', [0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0],
    ['is probed again and again', [0, 1, 3, 4, 5, 6, 7, 8, 9], 8],
    ['stays at one count', [2, 2, 2, 2, 2, 2, 2, 2], 7],
    ['acknowledged something between two looks', [1, 5, 6, 2, 3, 4, 5, 6, 7, 8], 10],
    ['answers in the end', [1, 2, 3, 4, 5, 6, 0, 0, 0], 0],
    ['has no entry in the table', [null, null, null, null, null, null, null, null], 0],
  ] as const)('that %s', async (_, seen, looks) => {
    expect(await cutAfter(seen)).toBe(looks);
  });

  it.each(['127.0.0.1', '::1', '::'])('is found in the kernel’s tables by its address: %s', async (host) => {
    // Elsewhere there are no tables, and STREAM_LIFETIME alone ends such a stream.
    if (process.platform !== 'linux') return expect(await readRetries()).toBeNull();
    const server = createServer().listen(0, host);
    const [, [served]] = await Promise.all([once(server, 'listening'), accepted()]);
    const rows = spawnSync('cat', ['/proc/net/tcp', '/proc/net/tcp6'], { encoding: 'utf8' }).stdout;
    expect(rows).toContain(`: ${connectionKey(served as Socket)} 01 `);
    expect((await readRetries())?.get(connectionKey(served as Socket) as string)).toBeUndefined();
    (served as Socket).destroy();
    server.close();

    async function accepted(): Promise<unknown[]> {
      await once(server, 'listening');
      const client = connect((server.address() as AddressInfo).port, host === '::' ? '127.0.0.1' : host);
      client.on('error', () => undefined).on('close', () => client.destroy());
      return once(server, 'connection');
    }
  });

  const NETWORK = ['-rn', 'sh', '-c', 'ip link set lo up && exec "$0" --no-warnings "$1"'];
  const isPossible = IS_FULL && spawnSync('unshare', ['-rn', 'ip', 'link', 'show', 'lo']).status === 0;
  // In a network of its own, whose only link goes down: nothing is acknowledged then, and no word is said.
  (isPossible ? it : it.skip)('over SSE and multipart: its user goes OFFLINE, and its place is freed', () => {
    const program = new URL('vanishing-clients.ts', import.meta.url).pathname;
    const { stdout, stderr } = spawnSync('unshare', [...NETWORK, process.execPath, program], { encoding: 'utf8' });
    expect([stdout, stderr]).toEqual(['ONLINE SSE MULTIPART\nOFFLINE 0\n', '']);
  });
});
