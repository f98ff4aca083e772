/** Runs operations: once for a query or mutation, and once for each event of a subscription. */
import {
  createSourceEventStream,
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  type OperationDefinitionNode,
  type OperationTypeNode,
} from 'graphql';
import { RenderedStream, type Subscription } from '../delivery/rendered-stream.ts';
import type { LiveStream } from '../delivery/stream.ts';
import type { Meter } from '../model.ts';
import { refusalOf } from './affordable.ts';
import type { Context } from './context.ts';
import { toGraphQLError } from './errors.ts';
import { idsOf } from './event-ids.ts';
import {
  chooseOperation,
  coerceVariables,
  EXECUTION_OPTIONS,
  type OperationRules,
  type Prepare,
  type PreparedArgs,
  requireAffordable,
  requireToken,
  takeReads,
} from './operations.ts';
import type { ShapeOptions } from './shape.ts';
import { createShapes } from './shapes.ts';

export const FAULT = Symbol('fault');

export interface OperationRequest {
  readonly query: string;
  readonly operationName?: string | null | undefined;
  readonly variables?: Record<string, unknown> | null | undefined;
  /** Why the document is missing. A symbol, so that no client can send it. */
  readonly [FAULT]?: GraphQLError | null;
}

export interface Execution {
  /** The kind of a request's operation; null when it is unknown. */
  kindOf(request: OperationRequest, meter: Meter): OperationTypeNode | null;
  /** The operation to run, or the errors that prevent it. Never throws. */
  prepare(request: OperationRequest, context: Context): PreparedArgs | readonly GraphQLError[];
  execute(args: PreparedArgs): Promise<ExecutionResult>;
  /** Resolves when the subscription is accepted. No event published afterwards is missed. */
  subscribe(args: PreparedArgs): Promise<Subscription | ExecutionResult>;
}

export const isSubscription = (result: Subscription | ExecutionResult): result is Subscription => 'pipe' in result;

function asGraphQLError(error: unknown): GraphQLError {
  if (error instanceof GraphQLError) return error;
  const originalError = error instanceof Error ? error : new Error(String(error));
  return new GraphQLError(originalError.message, { originalError });
}

/** The variables that an operation declares. A subscription holds only these while it is open. */
function declaredOf(
  { variableDefinitions = [] }: OperationDefinitionNode,
  given: OperationRequest['variables'],
): Record<string, unknown> | null {
  if (!given) return null;
  const names = variableDefinitions
    .map(({ variable }) => variable.name.value)
    .filter((name) => Object.hasOwn(given, name));
  return Object.fromEntries(names.map((name) => [name, given[name]]));
}

interface Preparation {
  readonly schema: GraphQLSchema;
  readonly prepare: Prepare;
  readonly rules: OperationRules;
}

/** Checks an operation and takes its cost from the caller's rate. */
function prepareOperation(
  { schema, prepare, rules }: Preparation,
  { query, operationName, variables, [FAULT]: missing }: OperationRequest,
  context: Context,
): PreparedArgs | readonly GraphQLError[] {
  // A refused operation was read and is answered, too, so it costs as much as the cheapest operation.
  const refused = (errors: readonly GraphQLError[]): readonly GraphQLError[] => {
    context.meter.spend(1);
    return errors;
  };
  if (missing) return refused([missing]);
  const document = prepare(query, context.meter);
  if (!('kind' in document)) return refused(document);
  let operation: OperationDefinitionNode;
  let coerced: Record<string, unknown> = {};
  let fault: GraphQLError | null = null;
  let taken = 0;
  try {
    operation = chooseOperation(document, operationName);
    requireToken(operation, context, rules.isProduction);
    const variableValues = coerceVariables(schema, operation, variables, rules);
    if ('fault' in variableValues) {
      fault = variableValues.fault;
      context.meter.spend(1);
    } else {
      coerced = variableValues.values;
      const cost = requireAffordable({ schema, document, operation, variables: coerced }, rules);
      taken = takeReads(operation, cost, context);
    }
  } catch (error) {
    return refused([asGraphQLError(error)]);
  }
  return {
    schema,
    document,
    operationName: operationName ?? null,
    variableValues: declaredOf(operation, variables),
    contextValue: context,
    hideSuggestions: rules.isProduction,
    options: EXECUTION_OPTIONS,
    coerced,
    fault,
    taken,
  };
}

export function createExecution(
  schema: GraphQLSchema,
  prepare: Prepare,
  shapeOptions: ShapeOptions,
  rules: OperationRules,
): Execution {
  const shapes = createShapes(shapeOptions);
  return {
    kindOf({ query, operationName, [FAULT]: fault }, meter) {
      if (fault) return null;
      const document = prepare(query, meter);
      return 'kind' in document ? (getOperationAST(document, operationName)?.operation ?? null) : null;
    },

    prepare: (request, context) => prepareOperation({ schema, prepare, rules }, request, context),

    async execute(args) {
      if (args.fault) return { errors: [args.fault] };
      const { budget, meter } = args.contextValue as Context;
      const result = await execute(args);
      meter.adjust(budget.taken - args.taken);
      const refusal = refusalOf(result, budget);
      return refusal ? { errors: [toGraphQLError(refusal)] } : result;
    },

    async subscribe(args) {
      if (args.fault) return { errors: [args.fault] };
      try {
        const events = await createSourceEventStream(args);
        if (!(Symbol.asyncIterator in events)) return events as ExecutionResult;
        const reader = shapes.read(args, args.contextValue as Context);
        return new RenderedStream(events as LiveStream<object>, reader, shapeOptions.clock, idsOf(events));
      } catch (error) {
        return { errors: [asGraphQLError(error)] };
      }
    },
  };
}
