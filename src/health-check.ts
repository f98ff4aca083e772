/** Checks the health of the service on this machine: exit code 0 when it answers. The image's HEALTHCHECK. */
import { get as getClear } from 'node:http';
import { get as getTls } from 'node:https';

const TIMEOUT_MS = 2_500;

const { PORT = '8081', HOST = '', TLS_CERT_FILE = '' } = process.env;
const EVERY_ADDRESS = ['', '0.0.0.0', '::'];
const target = {
  host: EVERY_ADDRESS.includes(HOST) ? '127.0.0.1' : HOST,
  port: Number(PORT),
  path: '/health',
  timeout: TIMEOUT_MS,
  // The certificate is for the public host, and the connection stays on this machine.
  rejectUnauthorized: false,
};
const request = (TLS_CERT_FILE === '' ? getClear : getTls)(target, ({ statusCode }) => {
  process.exit(statusCode === 200 ? 0 : 1);
});
request.on('error', () => process.exit(1)).on('timeout', () => process.exit(1));
