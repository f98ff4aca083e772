/** TLS with an expired certificate. */
import { request } from 'node:https';
import { WebSocket } from 'ws';
import { makeCertificate, type TestCertificate } from '../support/certificate.ts';
import { freePort } from '../support/free-port.ts';
import { type Program, startProgram } from '../support/process.ts';
import { SECRET } from '../support/service.ts';
import { measured } from './measured.ts';
import { IS_FULL, TEST_MS } from './settings.ts';

const CLIENTS = IS_FULL ? 1_000 : 100;

describe('an expired certificate', () => {
  let certificate: TestCertificate;
  let program: Program;
  let port: number;
  beforeAll(async () => {
    certificate = makeCertificate(-1);
    port = await freePort();
    const { certFile, keyFile } = certificate;
    const env = { HOST: '127.0.0.1', PORT: String(port), JWT_SECRET: SECRET, DATA_DIR: ':memory:' };
    program = await startProgram(
      'src/main.ts',
      { ...env, TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile },
      // The end of what a start prints.
      /createConversation/,
    );
  });
  afterAll(async () => {
    await program.stop('SIGKILL');
    certificate.remove();
  });

  /** The status of /health, or the code of what went wrong. */
  const overHttp = (isChecking: boolean): Promise<number | string | undefined> =>
    new Promise((resolve) => {
      const trust = {
        ca: certificate.pem,
        rejectUnauthorized: isChecking,
        agent: false as const,
        servername: 'localhost',
      };
      request({ host: '127.0.0.1', port, path: '/health', ...trust }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode));
      })
        .on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
        .end();
    });

  const overWebSocket = (isChecking: boolean): Promise<string | undefined> =>
    new Promise((resolve) => {
      const trust = { ca: certificate.pem, rejectUnauthorized: isChecking, servername: 'localhost' };
      const socket = new WebSocket(`wss://127.0.0.1:${port}/graphql`, 'graphql-transport-ws', trust);
      socket.on('open', () => {
        resolve('open');
        socket.terminate();
      });
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    });

  it(
    'G13, F42: is logged once, refused by clients that verify it, and served to others',
    async () => {
      const told = program.output.split('\n').filter((line) => line.includes('the TLS certificate has expired'));
      expect(told.map((line) => JSON.parse(line))).toMatchObject([{ level: 50, subject: 'CN=localhost' }]);
      const before = program.output;
      const startedAt = performance.now();
      for (let n = 0; n < CLIENTS; n += 50) {
        const some = Array.from({ length: 50 }, (_, each) => (each % 2 ? overHttp(true) : overWebSocket(true)));
        expect(new Set(await Promise.all(some))).toEqual(new Set(['CERT_HAS_EXPIRED']));
      }
      const refusedMs = Math.round(performance.now() - startedAt);
      expect(await overHttp(false)).toBe(200);
      expect(await overWebSocket(false)).toBe('open');
      expect(program.output).toBe(before);
      expect(program.process.exitCode).toBeNull();
      measured(
        'F42',
        `${CLIENTS} clients that verify certificates refused it with CERT_HAS_EXPIRED within ${refusedMs} ms; the log named it once, at the start; the process continued`,
      );
    },
    TEST_MS,
  );
});
