/** Requests to subgraphs: the client gets the error of each failure and each end, and no subscription continues with events missing. */
import type { GatewayPlugin } from '@graphql-hive/gateway';
import type { FormattedExecutionResult as ExecutionResult } from 'graphql-ws';
import { type Operation, type Place, Sockets } from './sockets.ts';

type Results = AsyncIterable<ExecutionResult>;
type Errors = NonNullable<ExecutionResult['errors']>;

/** The error that the service itself sends to a client that should reconnect. */
const LOST = {
  message: 'The connection to the subgraph was lost.',
  extensions: { code: 'SERVICE_UNAVAILABLE', retryAfterMs: 1_000 },
};
/** The code of the gateway's callback transport for a silent subgraph. */
const SILENT = 'TIMEOUT_ERROR';

/** Whether an error is one of the subgraph: for its own failures the gateway keeps the original error. */
const isWords = (error: unknown): boolean => {
  const { message, extensions, originalError } = (error ?? {}) as {
    message?: unknown;
    extensions?: { code?: unknown };
    originalError?: unknown;
  };
  return typeof message === 'string' && extensions?.code !== undefined && extensions.code !== SILENT && !originalError;
};

/** The errors that the subgraph sent, in whichever form a transport throws them. Anything else is a broken connection. */
function errorsOf(thrown: unknown): Errors {
  const all = Array.isArray(thrown) ? thrown : thrown instanceof AggregateError ? thrown.errors : [thrown];
  return (all.every(isWords) ? all : [LOST]) as Errors;
}

/** Replaces errors without a code: no subgraph made such a result. */
const told = <Result extends ExecutionResult>(result: Result): Result =>
  result.errors && !result.data ? { ...result, errors: errorsOf(result.errors) } : result;

const END = { done: true, value: undefined } as const;

/**
 * Ends with a result that contains the errors. If they were thrown, the gateway would hide them behind "Unexpected error".
 *
 * The first result is requested at once, because the gateway's callback transport listens only from then on. Some clients
 * read late: a `check` of the subgraph before that found no listener, and the refusal that followed ended the gateway's process.
 */
function inWords(results: Results): AsyncIterableIterator<ExecutionResult> {
  const source = results[Symbol.asyncIterator]();
  let first: Promise<IteratorResult<ExecutionResult>> | null = source.next();
  // `next` reports the rejection.
  first.catch(() => undefined);
  let isOver = false;
  const iterator: AsyncIterableIterator<ExecutionResult> = {
    async next() {
      if (isOver) return END;
      try {
        const asked = first ?? source.next();
        first = null;
        const next = await asked;
        return next.done ? END : { done: false, value: told(next.value) };
      } catch (error) {
        isOver = true;
        return { done: false, value: { errors: errorsOf(error) } };
      }
    },
    async return() {
      isOver = true;
      await source.return?.();
      return END;
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}

interface Request extends Operation {
  readonly operationType?: string;
  readonly context?: object;
  readonly signal?: AbortSignal | undefined;
  readonly info?: { readonly signal?: AbortSignal } | undefined;
}

function overSocket(sockets: Sockets, place: Place, request: Request): Results {
  const results = sockets.subscribe(place, request);
  const stop = (): void => void results.return?.();
  const signal = request.signal ?? request.info?.signal;
  if (signal?.aborted) stop();
  else signal?.addEventListener('abort', stop, { once: true });
  return results;
}

/** @param placeOf returns the WebSocket for subscriptions to a subgraph; null: the gateway's own transport */
export function subscriptionsInWords(
  placeOf: (subgraphName: string, context: object) => Place | null,
): GatewayPlugin & { onDispose(): Promise<void> } {
  const sockets = new Sockets();
  return {
    onSubgraphExecute({ subgraphName, executionRequest, executor, setExecutor }) {
      const isSubscription = executionRequest.operationType === 'subscription';
      const place = isSubscription ? placeOf(subgraphName, executionRequest.context ?? {}) : null;
      setExecutor(async (request) => {
        try {
          const results = place ? overSocket(sockets, place, request as Request) : await executor(request);
          return (
            Symbol.asyncIterator in results ? inWords(results as Results) : told(results as ExecutionResult)
          ) as never;
        } catch (error) {
          return { errors: errorsOf(error) } as never;
        }
      });
    },
    onDispose: () => sockets.close(),
  };
}
