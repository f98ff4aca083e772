/**
 * Sends GraphQL operations to the service, for back ends: Node 20 or later, no dependencies.
 *
 * The outcome of an operation without an answer is unknown, so the operation is sent again. Give each change a key, so that
 * the service makes it once: `idempotencyKey` for `publish`, `clientMessageId` for `sendMessage`.
 */
import { setTimeout as wait } from 'node:timers/promises';

const RETRIED = new Set(['SERVICE_UNAVAILABLE', 'RATE_LIMITED']);
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8_000;

/** An operation that was refused, or not answered in time. `code` is one of the codes in docs/protocol.md. */
export class OperationError extends Error {
  constructor({ message, extensions = {} }) {
    super(message);
    this.code = extensions.code ?? 'INTERNAL_SERVER_ERROR';
    this.retryAfterMs = extensions.retryAfterMs;
  }
}

/** `getToken` is called for each attempt, so that a renewed token is used at once. */
export function askAt(url, getToken) {
  async function attempt(query, variables, timeoutMs, signal) {
    const deadline = AbortSignal.timeout(timeoutMs);
    let answer;
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${await getToken()}` },
        body: JSON.stringify({ query, variables }),
        signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
      });
      answer = await response.json();
    } catch (error) {
      if (signal?.aborted) throw error;
      // No connection, a connection that was cut, or the page of a proxy.
      throw new OperationError({ message: `No answer: ${error.message}`, extensions: { code: 'SERVICE_UNAVAILABLE' } });
    }
    if (answer.errors) throw new OperationError(answer.errors[0]);
    return answer.data;
  }

  /** Tries again for `patienceMs`. Each attempt may take `timeoutMs`. */
  return async function ask(query, variables = {}, { patienceMs = 60_000, timeoutMs = 10_000, signal } = {}) {
    const end = Date.now() + patienceMs;
    for (let backOffMs = FIRST_WAIT_MS; ; backOffMs = Math.min(2 * backOffMs, LONGEST_WAIT_MS)) {
      try {
        return await attempt(query, variables, timeoutMs, signal);
      } catch (error) {
        // Randomised, so that many clients do not retry at the same moment.
        const waitMs = (error.retryAfterMs ?? backOffMs / 2) + Math.random() * (backOffMs / 2);
        if (!RETRIED.has(error.code) || Date.now() + waitMs > end) throw error;
        await wait(waitMs, undefined, { signal });
      }
    }
  };
}

/** A client configured by the environment: `REALTIME_URL`, and the access token in `TOKEN`. */
export const ask = askAt(process.env.REALTIME_URL ?? 'http://localhost:8081/graphql', () => process.env.TOKEN);
