/** What subgraphs are asked: each failure and each end is told to the client in words, and no subscription goes on with a part missing. */
import type { GatewayPlugin } from '@graphql-hive/gateway';
import type { FormattedExecutionResult as ExecutionResult } from 'graphql-ws';
import { type Operation, type Place, Sockets } from './sockets.ts';

type Results = AsyncIterable<ExecutionResult>;
type Errors = NonNullable<ExecutionResult['errors']>;

/** What a client of the service is told by the service itself when it is to come back. */
const LOST = {
  message: 'The connection to the subgraph was lost.',
  extensions: { code: 'SERVICE_UNAVAILABLE', retryAfterMs: 1_000 },
};
/** What the gateway's callback transport says of a subgraph that is silent. */
const SILENT = 'TIMEOUT_ERROR';

/** Of a failure of its own the gateway keeps where it came from. */
const isWords = (error: unknown): boolean => {
  const { message, extensions, originalError } = (error ?? {}) as {
    message?: unknown;
    extensions?: { code?: unknown };
    originalError?: unknown;
  };
  return typeof message === 'string' && extensions?.code !== undefined && extensions.code !== SILENT && !originalError;
};

/** The errors that the subgraph sent, in whichever form a transport throws them; anything else is a connection that broke. */
function errorsOf(thrown: unknown): Errors {
  const all = Array.isArray(thrown) ? thrown : thrown instanceof AggregateError ? thrown.errors : [thrown];
  return (all.every(isWords) ? all : [LOST]) as Errors;
}

/** A result that no subgraph made has errors without a code. */
const told = <Result extends ExecutionResult>(result: Result): Result =>
  result.errors && !result.data ? { ...result, errors: errorsOf(result.errors) } : result;

const END = { done: true, value: undefined } as const;

/**
 * Ends with a result that has the errors, where the gateway would hide what was thrown behind "Unexpected error".
 *
 * The first is asked for at once. The gateway's callback transport listens only from then on, and some clients' streams ask
 * late: a `check` of the subgraph that came before found nobody, and the refusal that follows ended the gateway's process.
 */
function inWords(results: Results): AsyncIterableIterator<ExecutionResult> {
  const source = results[Symbol.asyncIterator]();
  let first: Promise<IteratorResult<ExecutionResult>> | null = source.next();
  // It is told to whoever asks.
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

/** `placeOf`: the web socket by which a subgraph is subscribed at; null: the gateway's own way. */
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
