/** The checks of an operation before it runs: parsed, valid, within limits, and allowed. */
import {
  type ASTVisitor,
  type DocumentNode,
  type ExecutionArgs,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  Kind,
  NoSchemaIntrospectionCustomRule,
  type OperationDefinitionNode,
  parse,
  specifiedRules,
  type ValidationContext,
  type ValidationRule,
  validate,
} from 'graphql';
import depthLimit from 'graphql-depth-limit';
import { ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Meter } from '../model.ts';
import type { Context } from './context.ts';
import { type CostRequest, costOf } from './cost.ts';
import { createDocumentCache } from './document-cache.ts';
import { payForComparing, payForReading } from './document-price.ts';
import { unitsOfEntityFields } from './entity-fields.ts';
import { toGraphQLError } from './errors.ts';
import { countExpandedFields, countRoots } from './expansion.ts';
import { comparableRule } from './merging.ts';
import { unconditionalRootRule } from './unconditional-root.ts';

export interface OperationRules {
  readonly maxDepth: number;
  readonly maxCost: number;
  readonly isProduction: boolean;
}

/** The arguments of graphql-js, which coerces variables itself, and the coerced variables. */
export interface PreparedArgs extends ExecutionArgs {
  readonly coerced: Record<string, unknown>;
  /** The error of the variables, which is then the only result; null: the variables are valid. */
  readonly fault: GraphQLError | null;
  /** Units taken from the caller's read rate. */
  readonly taken: number;
}

/** graphql-depth-limit with our error code. It gets only documents that were counted before, so it can traverse them. */
function depthRule(maxDepth: number): ValidationRule {
  const rule = depthLimit(maxDepth);
  return (context: ValidationContext) => {
    if (countExpandedFields(context.getDocument()) > LIMITS.expandedFields) return {};
    const reportError = (error: GraphQLError): void =>
      context.reportError(
        new GraphQLError(error.message, {
          ...(error.nodes ? { nodes: error.nodes } : {}),
          extensions: { code: 'QUERY_TOO_DEEP' },
        }),
      );
    return rule(Object.create(context, { reportError: { value: reportError } }) as ValidationContext);
  };
}

/** Refuses a document with too many aliases or directives. */
function countRule(context: ValidationContext): ASTVisitor {
  let aliases = 0;
  let directives = 0;
  const refuse = (what: string): void =>
    context.reportError(new GraphQLError(what, { extensions: { code: 'QUERY_TOO_COSTLY' } }));
  return {
    Field({ alias }) {
      if (!alias) return;
      aliases += 1;
      if (aliases === LIMITS.aliases + 1) refuse(`A document has at most ${LIMITS.aliases} aliases.`);
    },
    Directive() {
      directives += 1;
      if (directives === LIMITS.directives + 1) refuse(`A document has at most ${LIMITS.directives} directives.`);
    },
  };
}

/** The rules beyond those of the specification. */
export function validationRules({
  maxDepth,
  isProduction,
}: Pick<OperationRules, 'maxDepth' | 'isProduction'>): ValidationRule[] {
  const introspection = isProduction ? [NoSchemaIntrospectionCustomRule] : [];
  return [comparableRule, unconditionalRootRule, countRule, depthRule(maxDepth), ...introspection];
}

/** Suggestions are not computed in production, where they are not shown. */
export function validationOptions({ isProduction }: Pick<OperationRules, 'isProduction'>) {
  return { maxErrors: LIMITS.validationErrors, hideSuggestions: isProduction };
}

/** The root fields that need no token: a refresh token identifies the caller by itself. `__typename` is introspection. */
const OPEN: Readonly<Record<string, string>> = { query: '_service', mutation: 'refreshSession' };
const INTROSPECTION = ['__typename', '__schema', '__type'];

/** Whether an operation may run without a token: the SDL, a refresh, and introspection in development. */
export function isOpenOperation(operation: OperationDefinitionNode, isProduction: boolean): boolean {
  const open = OPEN[operation.operation];
  if (open === undefined) return false;
  const names = operation.selectionSet.selections.map((each) => (each.kind === Kind.FIELD ? each.name.value : null));
  // Clients add `__typename` to every selection, so it is allowed beside an open field, also in production.
  const besides = isProduction ? INTROSPECTION.slice(0, 1) : INTROSPECTION;
  if (isProduction && !names.includes(open)) return false;
  return names.every((name) => name !== null && (name === open || besides.includes(name)));
}

/** @throws {GraphQLError} UNAUTHENTICATED for an operation that needs a token and has none. */
export function requireToken(operation: OperationDefinitionNode, context: Context, isProduction: boolean): void {
  if (!context.refusal || isOpenOperation(operation, isProduction)) return;
  throw toGraphQLError(context.refusal);
}

/**
 * Whether a document may be read without a token: it is short and its root fields need none. Fields below the root are
 * not checked.
 */
export function isOpenDocument(query: string, name: string | null | undefined, isProduction: boolean): boolean {
  if (query.length > LIMITS.openDocumentBytes || Buffer.byteLength(query) > LIMITS.openDocumentBytes) return false;
  try {
    const document = parse(query, { maxTokens: LIMITS.openDocumentTokens, noLocation: true });
    const operation = getOperationAST(document, name);
    return operation ? isOpenOperation(operation, isProduction) : false;
  } catch {
    return false;
  }
}

/** Only one faulty variable is reported: each message repeats input. */
export const EXECUTION_OPTIONS = { maxCoercionErrors: 1 } as const;

/**
 * The coerced variables of an operation, with defaults. Costs, comparisons and cached values use these.
 */
export function coerceVariables(
  schema: GraphQLSchema,
  { variableDefinitions = [] }: OperationDefinitionNode,
  given: Record<string, unknown> | null | undefined,
  { isProduction }: Pick<OperationRules, 'isProduction'>,
): { readonly values: Record<string, unknown> } | { readonly fault: GraphQLError } {
  const options = { maxErrors: EXECUTION_OPTIONS.maxCoercionErrors, hideSuggestions: isProduction };
  const { coerced, errors } = getVariableValues(schema, variableDefinitions, given ?? {}, options);
  if (coerced) return { values: coerced };
  const [first] = errors;
  return {
    fault: new GraphQLError(first?.message ?? '', {
      ...(first?.nodes ? { nodes: first.nodes } : {}),
      extensions: { code: 'BAD_USER_INPUT', http: { status: 400 } },
    }),
  };
}

/** Charges the declared cost. @throws {GraphQLError} QUERY_TOO_COSTLY for an operation over its budget, or with too many root fields. */
export function requireAffordable(request: CostRequest, { maxCost }: OperationRules): number {
  const roots = countRoots(request.document, request.operation);
  const refuse = (message: string): never => {
    throw toGraphQLError(new ServiceError('QUERY_TOO_COSTLY', message));
  };
  if (roots > LIMITS.rootFields) refuse(`An operation has at most ${LIMITS.rootFields} root fields.`);
  const cost = costOf(request);
  const least = Math.max(cost, Math.ceil(unitsOfEntityFields(request)));
  if (least > maxCost) refuse(`The operation costs ${least}, over its budget of ${maxCost}.`);
  return cost;
}

/** Takes the maximum cost of an operation from the caller's read rate, and returns it. @throws {GraphQLError} RATE_LIMITED. */
export function takeReads({ operation }: OperationDefinitionNode, cost: number, { meter }: Context): number {
  // The events of a subscription are charged when they come.
  if (operation === 'subscription') return 0;
  const refusal = errorOfPaying(() => meter.read(cost));
  if (refusal) throw refusal;
  return cost;
}

/** Runs `pay`. Returns its error, or null. */
export function errorOfPaying(pay: () => void): GraphQLError | null {
  try {
    pay();
    return null;
  } catch (error) {
    if (error instanceof ServiceError) return toGraphQLError(error);
    throw error;
  }
}

export const isTooLong = (query: string): boolean => query.length > LIMITS.documentCharacters;

export const tooLong = (): ServiceError =>
  new ServiceError('PAYLOAD_TOO_LARGE', `A document has at most ${LIMITS.documentCharacters} characters.`);

/** A parsed and validated document, or the errors of a refused one. */
export type PreparedDocument = DocumentNode | readonly GraphQLError[];

/** Parses and validates a document; one that is not cached is charged to the meter. */
export type Prepare = (query: string, meter: Meter) => PreparedDocument;

/** Parses and validates documents, and caches the latest results. */
export function createPrepare(schema: GraphQLSchema, rules: OperationRules): Prepare {
  const all = [...specifiedRules, ...validationRules(rules)];
  const known = createDocumentCache<PreparedDocument>();

  function prepare(query: string, meter: Meter): PreparedDocument {
    let document: DocumentNode;
    try {
      document = parse(query, { maxTokens: LIMITS.documentTokens });
    } catch (error) {
      const extensions = { code: 'GRAPHQL_PARSE_FAILED' };
      // Any other error: the document exhausted the parser's stack.
      if (!(error instanceof GraphQLError)) return [new GraphQLError('The document cannot be parsed.', { extensions })];
      return [new GraphQLError(error.message, { source: error.source, positions: error.positions, extensions })];
    }
    const errors = validate(schema, document, all, validationOptions(rules));
    payForComparing(document, meter);
    if (errors.length === 0) return document;
    return errors.map((error) =>
      error.extensions['code']
        ? error
        : new GraphQLError(error.message, {
            ...(error.nodes ? { nodes: error.nodes } : {}),
            extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
          }),
    );
  }

  return (query, meter) => {
    if (isTooLong(query)) return [toGraphQLError(tooLong())];
    const earlier = known.get(query);
    if (earlier) return earlier;
    const refusal = errorOfPaying(() => payForReading(query, meter));
    if (refusal) return [refusal];
    const result = prepare(query, meter);
    known.set(query, result, { size: Math.max(query.length, 1) });
    return result;
  };
}

/** The operation that a request selects; an error when it selects none or several are possible. */
export function chooseOperation(document: DocumentNode, name: string | null | undefined): OperationDefinitionNode {
  const operation = getOperationAST(document, name);
  if (operation) return operation;
  throw new GraphQLError('The document does not say which operation to run.', {
    extensions: { code: 'OPERATION_RESOLUTION_FAILURE' },
  });
}
