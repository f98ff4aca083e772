/** Runs operations: once for a query or mutation, and once for each event of a subscription. */
import {
  createSourceEventStream,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  type OperationTypeNode,
} from 'graphql';
import type { LiveStream, Sink } from '../delivery/stream.ts';
import { ServiceError, slowReader } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Context } from './context.ts';
import { chooseOperation, type OperationRules, type Prepare, requireAffordable, requireToken } from './operations.ts';
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
  /** What a request asks to run; null when that cannot be told. */
  kindOf(request: OperationRequest): OperationTypeNode | null;
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
class ShapedSubscription implements Subscription, Sink<object> {
  readonly #events: LiveStream<object>;
  readonly #shape: Shape;
  readonly #context: Context;
  readonly #release: () => void;
  #outlet: Outlet | null = null;
  /** Events whose rendering is waited for; while there are some, all that follow queue behind them. */
  #pending = 0;
  #tail: Promise<void> | null = null;
  #isOpen = true;

  constructor(events: LiveStream<object>, shape: Shape, context: Context, release: () => void) {
    this.#events = events;
    this.#shape = shape;
    this.#context = context;
    this.#release = release;
  }

  pipe(outlet: Outlet): void {
    this.#outlet = outlet;
    this.#events.pipe(this);
  }

  close(): void {
    this.#isOpen = false;
    void this.#events.return();
  }

  push(event: object): void {
    if (!this.#isOpen) return;
    let rendered: Payload | Promise<Payload>;
    try {
      rendered = this.#shape.render(event, this.#context);
    } catch (error) {
      return this.#fail(error);
    }
    if (this.#pending === 0 && Buffer.isBuffer(rendered)) return this.#outlet?.deliver(rendered, event);
    if (this.#pending >= LIMITS.queuedEvents) return this.#fail(slowReader());
    this.#inOrder(async () => {
      const payload = await rendered;
      if (this.#isOpen) this.#outlet?.deliver(payload, event);
    });
  }

  end(error: ServiceError | null): void {
    this.#release();
    const end = (): void => {
      if (this.#isOpen) this.#outlet?.end(error);
    };
    if (this.#pending === 0) end();
    else this.#inOrder(async () => end());
  }

  isCongested(): boolean {
    return this.#pending > LIMITS.logPage || this.#outlet?.isCongested() === true;
  }

  async drained(): Promise<void> {
    await this.#tail;
    await this.#outlet?.drained();
  }

  #inOrder(act: () => Promise<void>): void {
    this.#pending += 1;
    this.#tail = (this.#tail ?? Promise.resolve())
      .then(act)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#pending -= 1;
      });
  }

  /** Ends this subscription and no other: what a channel calls must not throw. */
  #fail(error: unknown): void {
    if (!this.#isOpen) return;
    this.close();
    const isKnown = error instanceof ServiceError;
    this.#outlet?.end(
      isKnown ? error : new ServiceError('INTERNAL_SERVER_ERROR', 'The stream failed.', { cause: error }),
    );
  }
}

export function createExecution(
  schema: GraphQLSchema,
  prepare: Prepare,
  shapeOptions: ShapeOptions,
  rules: OperationRules,
): Execution {
  const shapes = createShapes(shapeOptions);
  return {
    kindOf({ query, operationName }) {
      const document = prepare(query);
      return 'kind' in document ? (getOperationAST(document, operationName)?.operation ?? null) : null;
    },

    prepare({ query, operationName, variables }, context) {
      const document = prepare(query);
      if (!('kind' in document)) return document;
      try {
        const operation = chooseOperation(document, operationName);
        requireToken(operation, context, rules.isProduction);
        requireAffordable({ schema, document, operation, variables: variables ?? {} }, rules);
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
