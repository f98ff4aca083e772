/** Clients of HTTP streams that vanish without a close are gone within CLIENT_TIMEOUT, where the kernel reveals it. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

  it('is looked at once at a time, and not for a look that failed', async () => {
    const clock = new StillClock();
    const looks: PromiseWithResolvers<ReadonlyMap<string, number>>[] = [];
    const read = (): Promise<ReadonlyMap<string, number>> => {
      looks.push(Promise.withResolvers());
      return (looks.at(-1) as (typeof looks)[number]).promise;
    };
    const clients = new SilentClients(clock, TIMEOUT_MS, read);
    let cut = 0;
    const forget = clients.watch(socket as Socket, () => (cut += 1));
    const pass = async (ms: number): Promise<void> => {
      clock.advance(ms);
      await new Promise(setImmediate);
    };
    await pass(TIMEOUT_MS);
    expect(looks).toHaveLength(1);
    looks[0]?.resolve(new Map([[key, 1]]));
    await pass(0);
    await pass(TIMEOUT_MS / 6);
    expect([looks.length, cut]).toEqual([2, 0]);
    looks[1]?.reject(new Error('unreadable'));
    await pass(0);
    await pass(TIMEOUT_MS);
    expect([looks.length, cut]).toEqual([3, 0]);
    looks[2]?.resolve(new Map([[key, 9]]));
    await pass(0);
    expect(cut).toBe(1);
    forget();
  });

  it('is one whose established connection the kernel retransmits on, of every table that can be read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'realtime-tables-'));
    const [v4, v6] = [join(folder, 'tcp'), join(folder, 'tcp6')];
    const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
    const row = (addresses: string, state: string, timer: string, retries: string): string =>
      `   0: ${addresses} ${state} 00000024:00000000 ${timer}:00000014 ${retries}     0        0 12345 2 0000 20 4 30 10 -1\n`;
    writeFileSync(
      v4,
      head +
        row('0100007F:1F90 0200000A:C350', '01', '01', '0000000A') +
        row('0100007F:1F90 0200000A:C351', '02', '01', '00000003') +
        row('0100007F:1F90 0200000A:C352', '01', '02', '00000004') +
        row('0100007F:1F90 0200000A:C353', '04', '01', '00000005'),
    );
    writeFileSync(v6, head + row('1:1F90 2:C350', '01', '01', '00000002'));
    const [first, second] = ['0100007F:1F90 0200000A:C350', '1:1F90 2:C350'];
    expect(await readRetries([v4, v6])).toEqual(
      new Map([first, second].map((at, n) => [at, n === 0 ? 10 : 2] as const)),
    );
    expect(await readRetries([join(folder, 'none'), v6])).toEqual(new Map([[second, 2]]));
    expect(await readRetries([join(folder, 'none')])).toBeNull();
    rmSync(folder, { recursive: true });
  });

  it.each(['localAddress', 'localPort', 'remoteAddress', 'remotePort'])(
    'is not watched when its connection ended before, and has no %s',
    (missing) => {
      const clock = new StillClock();
      const ended = { ...socket, [missing]: undefined } as unknown as Socket;
      expect(connectionKey(ended)).toBeNull();
      new SilentClients(clock, TIMEOUT_MS).watch(ended, () => undefined)();
      expect(clock.pending).toBe(0);
    },
  );

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
