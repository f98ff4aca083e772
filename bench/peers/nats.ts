/**
 * nats-server, with subscribers over WebSocket and a publisher over TCP.
 *
 * The publisher is this process. The reported processor time is that of the server
 * only, from /proc, which counts in hundredths of a second.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../test/support/eventually.ts';
import { freePort } from '../../test/support/free-port.ts';
import { MESSAGE_ID } from '../payload.ts';
import { usageOf } from '../process-usage.ts';
import { report } from './report.ts';

const [tcpPort, webSocketPort] = [await freePort(), await freePort()];
const dir = mkdtempSync(join(tmpdir(), 'realtime-bench-'));
const settings = join(dir, 'nats.conf');
writeFileSync(
  settings,
  `host: "127.0.0.1"\nport: ${tcpPort}\nwebsocket { host: "127.0.0.1", port: ${webSocketPort}, no_tls: true }\n`,
);
const server = spawn('nats-server', ['--config', settings], { stdio: 'ignore' });

async function open(port: number): Promise<ReturnType<typeof connect>> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}

const publisher = await eventually(() => open(tcpPort));
(await eventually(() => open(webSocketPort))).destroy();
publisher.on('data', (data) => {
  if (data.includes('PING')) publisher.write('PONG\r\n');
});
publisher.write('CONNECT {"verbose":false,"pedantic":false}\r\n');

report({
  port: webSocketPort,
  publish({ conversation, sequence, content }) {
    const payload = JSON.stringify({ id: MESSAGE_ID, sequence, content });
    publisher.write(`PUB ${conversation} ${payload.length}\r\n${payload}\r\n`);
  },
  usage: () => usageOf(server.pid ?? 0),
  stop() {
    server.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  },
});
