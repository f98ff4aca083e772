/**
 * Preloaded into each service that a test starts in a process of its own: it waits for clients for as long as a test does.
 *
 * The limits themselves are tried where a clock of the tests brings them near. Of a client that a busy machine gives no
 * turn for seconds they would say nothing about the service.
 */
import { TIMES } from '../../src/limits.ts';
import { PATIENCE_MS } from './eventually.ts';

Object.assign(TIMES, { connectionInitMs: PATIENCE_MS, idleGatewayMs: PATIENCE_MS });
