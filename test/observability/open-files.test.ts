/** The limit of open files is below MAX_CONNECTIONS: no more sockets are admitted than fit, and probes are answered. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { tokenOf } from '../faults/load.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { SECRET } from '../support/service.ts';
import { openSocket, type RawSocket } from '../support/socket.ts';

const OPEN_FILES = 400;

it('F50: at the limit of open files the next socket is refused with 1013, and /health answers', async () => {
  const port = await freePort();
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
  const command = `ulimit -n ${OPEN_FILES} && exec "${process.execPath}" --no-warnings "${main}"`;
  const child = spawn('sh', ['-c', command], {
    env: {
      ...process.env,
      HOST: '127.0.0.1',
      PORT: String(port),
      DATA_DIR: ':memory:',
      JWT_SECRET: SECRET,
      DRAIN_WINDOW: '0ms',
      RATE_LIMIT_ENABLED: 'false',
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await eventually(() => expect(output).toContain('service started'));
  const accepted = Number(/"accepted":(\d+)/.exec(output)?.[1]);
  expect(accepted).toBeGreaterThan(OPEN_FILES / 4);
  const sockets: RawSocket[] = [];
  const open = async (n: number): Promise<RawSocket> => {
    const socket = await openSocket(`ws://127.0.0.1:${port}/graphql`, ['graphql-transport-ws']);
    // Fewer sockets of each user than one user may have.
    socket.send({ type: 'connection_init', payload: { token: await tokenOf(`user-${n % 50}`) } });
    sockets.push(socket);
    return socket;
  };
  for (let n = 0; n < accepted; n += 1)
    expect(await (await open(n)).frame(0)).toMatchObject({ type: 'connection_ack' });
  expect(await (await open(accepted)).closed).toBe(1013);
  for (let n = 0; n < 10; n += 1) {
    const response = await fetch(`http://127.0.0.1:${port}/health`, { headers: { connection: 'close' } });
    expect([response.status, await response.text()]).toEqual([200, '{"status":"ok"}']);
  }
  for (const { socket } of sockets) socket.terminate();
  child.kill('SIGTERM');
  await once(child, 'exit');
});
