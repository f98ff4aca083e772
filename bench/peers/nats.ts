/**
 * nats-server, with subscribers over WebSocket and a publisher over TCP.
 *
 * The publisher is this process; the processor time reported is the server's
 * alone, from /proc, which counts in hundredths of a second.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../test/support/eventually.ts';
import { freePort } from '../../test/support/free-port.ts';
import { MESSAGE_ID } from '../payload.ts';
import type { Usage } from '../protocol.ts';
import { report } from './report.ts';

const TICK_MICROS = 10_000;
const PAGE_BYTES = 4_096;
/** Fields of /proc/<pid>/stat after the name, which may hold spaces. */
const USER_TIME = 11;
const SYSTEM_TIME = 12;
const RESIDENT_PAGES = 21;

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

function usage(): Usage {
  const stat = readFileSync(`/proc/${server.pid}/stat`, 'utf8');
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return {
    user: (fields[USER_TIME] ?? 0) * TICK_MICROS,
    system: (fields[SYSTEM_TIME] ?? 0) * TICK_MICROS,
    rss: (fields[RESIDENT_PAGES] ?? 0) * PAGE_BYTES,
  };
}

report({
  port: webSocketPort,
  publish({ conversation, sequence, content }) {
    const payload = JSON.stringify({ id: MESSAGE_ID, sequence, content });
    publisher.write(`PUB ${conversation} ${payload.length}\r\n${payload}\r\n`);
  },
  usage,
  stop() {
    server.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  },
});
