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
import { ServiceError, slowReader } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Context } from './context.ts';
import { chooseOperation, type Prepare, requireToken } from './operations.ts';
import { createShapes, type Payload, type Shape, type ShapeOptions } from './shape.ts';

export interface OperationRequest {
  readonly query: string;
  readonly operationName?: string | null | undefined;
  readonly variables?: Record<string, unknown> | null | undefined;
}

/** Where the responses of a subscription go. Called in the order of the events. */
export interface Outlet {
  deliver(payload: Payload, event: object): void;
  /** Nothing follows. With an error when the subscription could not go on. */
  end(error: ServiceError | null): void;
  /** Whether a replay should wait before it delivers more. */
  isCongested(): boolean;
  drained(): Promise<void>;
}

export interface Subscription {
  /** Begins to deliver, what waited meanwhile first. */
  pipe(outlet: Outlet): void;
  close(): void;
}

export interface Execution {
  /** What to run, or the errors for which it cannot be run. Never throws. */
  prepare(request: OperationRequest, context: Context): ExecutionArgs | readonly GraphQLError[];
  execute(args: ExecutionArgs): Promise<ExecutionResult>;
  /** Resolves when the subscription is accepted: nothing published from then on is missed. */
  subscribe(args: ExecutionArgs): Promise<Subscription | ExecutionResult>;
}

export const isSubscription = (result: Subscription | ExecutionResult): result is Subscription => 'pipe' in result;

function asGraphQLError(error: unknown): GraphQLError {
  if (error instanceof GraphQLError) return error;
  const originalError = error instanceof Error ? error : new Error(String(error));
  return new GraphQLError(originalError.message, { originalError });
}

/** Renders events one after the other, each by its shape, and delivers them in order. */
class ShapedSubscription implements Subscription {
  readonly #events: LiveStream<object>;
  readonly #shape: Shape;
  readonly #context: Context;
  readonly #release: () => void;
  /** Events whose rendering is waited for; while there are some, all that follow queue behind them. */
  #pending = 0;
  #tail: Promise<void> = Promise.resolve();
  #isOpen = true;

  constructor(events: LiveStream<object>, shape: Shape, context: Context, release: () => void) {
    this.#events = events;
    this.#shape = shape;
    this.#context = context;
    this.#release = release;
  }

  pipe(outlet: Outlet): void {
    this.#events.pipe({
      push: (event) => this.#push(event, outlet),
      end: (error) => {
        this.#release();
        this.#inOrder(() => {
          if (this.#isOpen) outlet.end(error);
        });
      },
      isCongested: () => this.#pending > LIMITS.logPage || outlet.isCongested(),
      drained: () => this.#tail.then(() => outlet.drained()),
    });
  }

  close(): void {
    this.#isOpen = false;
    void this.#events.return();
  }

  #push(event: object, outlet: Outlet): void {
    if (!this.#isOpen) return;
    let rendered: Payload | Promise<Payload>;
    try {
      rendered = this.#shape.render(event, this.#context);
    } catch (error) {
      return this.#fail(outlet, error);
    }
    if (this.#pending === 0 && Buffer.isBuffer(rendered)) return outlet.deliver(rendered, event);
    if (this.#pending >= LIMITS.queuedEvents) return this.#fail(outlet, slowReader());
    this.#pending += 1;
    this.#tail = this.#tail
      .then(() => rendered)
      .then((payload) => {
        if (this.#isOpen) outlet.deliver(payload, event);
      })
      .catch((error: unknown) => this.#fail(outlet, error))
      .finally(() => {
        this.#pending -= 1;
      });
  }

  #inOrder(act: () => void): void {
    if (this.#pending === 0) return act();
    this.#pending += 1;
    this.#tail = this.#tail.then(act).finally(() => {
      this.#pending -= 1;
    });
  }

  /** Ends this subscription and no other: what a channel calls must not throw. */
  #fail(outlet: Outlet, error: unknown): void {
    if (!this.#isOpen) return;
    this.close();
    const isKnown = error instanceof ServiceError;
    outlet.end(isKnown ? error : new ServiceError('INTERNAL_SERVER_ERROR', 'The stream failed.', { cause: error }));
  }
}

export function createExecution(
  schema: GraphQLSchema,
  prepare: Prepare,
  shapeOptions: ShapeOptions,
  isProduction: boolean,
): Execution {
  const shapes = createShapes(shapeOptions);
  return {
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

    async subscribe(args) {
      try {
        const events = await createSourceEventStream(args);
        if (!(Symbol.asyncIterator in events)) return events as ExecutionResult;
        const context = args.contextValue as Context;
        const shape = shapes.acquire(args, context);
        return new ShapedSubscription(events as LiveStream<object>, shape, context, () => shapes.release(shape));
      } catch (error) {
        return { errors: [asGraphQLError(error)] };
      }
    },
  };
}
