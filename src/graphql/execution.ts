/** Runs operations: once for a query or mutation, and once for each event of a subscription. */
import {
  createSourceEventStream,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLSchema,
} from 'graphql';
import type { LiveStream } from '../delivery/stream.ts';
import type { ServiceError } from '../errors.ts';
import type { Context } from './context.ts';
import { chooseOperation, type Prepare, requireToken } from './operations.ts';

export interface OperationRequest {
  readonly query: string;
  readonly operationName?: string | null | undefined;
  readonly variables?: Record<string, unknown> | null | undefined;
}

export type ResultStream = AsyncIterableIterator<ExecutionResult, undefined>;

/** Told once when an accepted subscription is over, and of the error that ended it, if one did. */
export type OnEnd = (error: ServiceError | null) => void;

export interface Execution {
  /** What to run, or the errors for which it cannot be run. Never throws. */
  prepare(request: OperationRequest, context: Context): ExecutionArgs | readonly GraphQLError[];
  execute(args: ExecutionArgs): Promise<ExecutionResult>;
  /**
   * Resolves when the subscription is accepted: nothing published from then on
   * is missed.
   */
  subscribe(args: ExecutionArgs, onEnd: OnEnd): Promise<ResultStream | ExecutionResult>;
  /** The event a result of `subscribe` was made from. */
  eventOf(result: ExecutionResult): object | undefined;
}

function asGraphQLError(error: unknown): GraphQLError {
  if (error instanceof GraphQLError) return error;
  const originalError = error instanceof Error ? error : new Error(String(error));
  return new GraphQLError(originalError.message, { originalError });
}

/** Events as results. Not a generator: `return` must end the stream at once, also while an event is awaited. */
function renderEvents(events: LiveStream<object>, render: (event: object) => Promise<ExecutionResult>): ResultStream {
  const finish = async (): Promise<IteratorResult<ExecutionResult, undefined>> => {
    await events.return();
    return { done: true, value: undefined };
  };
  return {
    async next() {
      const event = await events.next();
      return event.done ? { done: true, value: undefined } : { done: false, value: await render(event.value) };
    },
    return: finish,
    throw: finish,
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

export function createExecution(schema: GraphQLSchema, prepare: Prepare, isProduction: boolean): Execution {
  const eventsOfResults = new WeakMap<ExecutionResult, object>();
  return {
    eventOf: (result) => eventsOfResults.get(result),

    prepare({ query, operationName, variables }, context) {
      const document = prepare(query);
      if (!('kind' in document)) return document;
      try {
        requireToken(chooseOperation(document, operationName), context, isProduction);
      } catch (error) {
        return [asGraphQLError(error)];
      }
      return {
        schema,
        document,
        operationName: operationName ?? null,
        variableValues: variables ?? null,
        contextValue: context,
      };
    },

    async execute(args) {
      return execute(args);
    },

    async subscribe(args, onEnd) {
      try {
        const events = await createSourceEventStream(args);
        if (!(Symbol.asyncIterator in events)) return events as ExecutionResult;
        const context = args.contextValue as Context;
        const render = async (event: object): Promise<ExecutionResult> => {
          const result = await execute({ ...args, rootValue: event, contextValue: context.next() });
          eventsOfResults.set(result, event);
          return result;
        };
        const stream = events as LiveStream<object>;
        stream.onEnd(onEnd);
        return renderEvents(stream, render);
      } catch (error) {
        return { errors: [asGraphQLError(error)] };
      }
    },
  };
}
