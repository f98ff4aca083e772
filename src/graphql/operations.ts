/** What an operation must be before it runs: parsed, valid, within limits, and allowed. */
import {
  type ASTVisitor,
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
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
import type { Context } from './context.ts';
import { type CostRequest, costOf } from './cost.ts';
import { createDocumentCache } from './document-cache.ts';
import { toGraphQLError } from './errors.ts';
import { countExpandedFields } from './expansion.ts';
import { unconditionalRootRule } from './unconditional-root.ts';

export interface OperationRules {
  readonly maxDepth: number;
  readonly maxCost: number;
  readonly isProduction: boolean;
}

/** graphql-depth-limit with our code on its errors, given only what it can walk to the end. */
function depthRule(maxDepth: number): ValidationRule {
  const rule = depthLimit(maxDepth);
  return (context: ValidationContext) => {
    const fields = countExpandedFields(context.getDocument());
    // A fragment that contains itself is the specification's to refuse.
    if (fields === Number.POSITIVE_INFINITY) return {};
    if (fields > LIMITS.expandedFields) {
      const message = `The operation has more than ${LIMITS.expandedFields} fields with its fragments in place.`;
      context.reportError(new GraphQLError(message, { extensions: { code: 'QUERY_TOO_COSTLY' } }));
      return {};
    }
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

/** Refuses a document of very many aliases or directives. */
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

/** The rules beyond the specification's. */
export function validationRules({
  maxDepth,
  isProduction,
}: Pick<OperationRules, 'maxDepth' | 'isProduction'>): ValidationRule[] {
  const introspection = isProduction ? [NoSchemaIntrospectionCustomRule] : [];
  return [unconditionalRootRule, countRule, depthRule(maxDepth), ...introspection];
}

const OPEN_FIELDS = new Set(['_service', '__typename']);
const OPEN_IN_DEVELOPMENT = new Set(['__schema', '__type']);

/** A refresh token is what its bearer proves themselves with. */
function isRefresh({ selectionSet }: OperationDefinitionNode): boolean {
  return selectionSet.selections.every(
    (selection) => selection.kind === Kind.FIELD && ['refreshSession', '__typename'].includes(selection.name.value),
  );
}

/** Whether an operation may run without a token: the SDL, a refresh, and introspection in development. */
export function isOpenOperation(operation: OperationDefinitionNode, isProduction: boolean): boolean {
  if (operation.operation === 'mutation') return isRefresh(operation);
  return (
    operation.operation === 'query' &&
    operation.selectionSet.selections.every(
      (selection) =>
        selection.kind === Kind.FIELD &&
        (OPEN_FIELDS.has(selection.name.value) || (!isProduction && OPEN_IN_DEVELOPMENT.has(selection.name.value))),
    )
  );
}

/** @throws {GraphQLError} UNAUTHENTICATED for an operation that needs a token, without one. */
export function requireToken(operation: OperationDefinitionNode, context: Context, isProduction: boolean): void {
  if (context.isAuthenticated || isOpenOperation(operation, isProduction)) return;
  throw toGraphQLError(new ServiceError('UNAUTHENTICATED', 'A token is needed.'));
}

/** @throws {GraphQLError} QUERY_TOO_COSTLY for an operation over its budget, or with too many root fields. */
export function requireAffordable(request: CostRequest, { maxCost }: OperationRules): void {
  const roots = request.operation.selectionSet.selections.length;
  const refuse = (message: string): never => {
    throw toGraphQLError(new ServiceError('QUERY_TOO_COSTLY', message));
  };
  if (roots > LIMITS.rootFields) refuse(`An operation has at most ${LIMITS.rootFields} root fields.`);
  const cost = costOf(request);
  if (cost > maxCost) refuse(`The operation costs ${cost}, over its budget of ${maxCost}.`);
}

/** Names of the schema that a message offers to whoever guesses. */
const SUGGESTION = / ?Did you mean .+\?$/;

export const isTooLong = (query: string): boolean => query.length > LIMITS.documentCharacters;

export const tooLong = (): ServiceError =>
  new ServiceError('PAYLOAD_TOO_LARGE', `A document has at most ${LIMITS.documentCharacters} characters.`);

export type Prepare = (query: string) => DocumentNode | readonly GraphQLError[];

/** Parses and validates documents, remembering the outcome of the latest. */
export function createPrepare(schema: GraphQLSchema, rules: OperationRules): Prepare {
  const all = [...specifiedRules, ...validationRules(rules)];
  const known = createDocumentCache<DocumentNode | readonly GraphQLError[]>();

  function prepare(query: string): DocumentNode | readonly GraphQLError[] {
    let document: DocumentNode;
    try {
      document = parse(query, { maxTokens: LIMITS.documentTokens });
    } catch (error) {
      const message = error instanceof GraphQLError ? error.message : 'The document cannot be parsed.';
      return [new GraphQLError(message, { extensions: { code: 'GRAPHQL_PARSE_FAILED' } })];
    }
    const errors = validate(schema, document, all, { maxErrors: LIMITS.validationErrors });
    if (errors.length === 0) return document;
    return errors.map((error) =>
      error.extensions['code']
        ? error
        : new GraphQLError(rules.isProduction ? error.message.replace(SUGGESTION, '') : error.message, {
            ...(error.nodes ? { nodes: error.nodes } : {}),
            extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
          }),
    );
  }

  return (query) => {
    if (isTooLong(query)) return [toGraphQLError(tooLong())];
    const earlier = known.get(query);
    if (earlier) return earlier;
    const result = prepare(query);
    known.set(query, result, { size: Math.max(query.length, 1) });
    return result;
  };
}

/** The operation a request means; an error when it names none, or leaves a choice. */
export function chooseOperation(document: DocumentNode, name: string | null | undefined): OperationDefinitionNode {
  const operation = getOperationAST(document, name);
  if (operation) return operation;
  throw new GraphQLError('The document does not say which operation to run.', {
    extensions: { code: 'OPERATION_RESOLUTION_FAILURE' },
  });
}
