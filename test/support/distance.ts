/**
 * How far away every Redis of the tests is. A round trip takes so many milliseconds at least: `REDIS_LATENCY_MS`, which
 * `--latency` of `npm run test:faults` and `npm run soak` sets, else that of the project (`far` in `jest.config.js`), else none.
 */
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

declare const LATENCY_OF_PROJECT_MS: number | undefined;

const ASKED = process.env['REDIS_LATENCY_MS'];
const OF_PROJECT = typeof LATENCY_OF_PROJECT_MS === 'number' ? LATENCY_OF_PROJECT_MS : 0;
export const LATENCY_MS = ASKED === undefined ? OF_PROJECT : Number(ASKED);

/** A way to a local server that takes the round trip's time. */
export async function startWay(port: number, latencyMs: number): Promise<TcpProxy> {
  const way = await startTcpProxy(port);
  way.delayAnswers(latencyMs);
  return way;
}
