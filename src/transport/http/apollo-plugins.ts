/** Plugins of Apollo Server: rights of the token, cost of an operation, HTTP status of the answer. */
import type { ApolloServerPlugin, GraphQLRequest } from '@apollo/server';
import { ERROR_CODES } from '../../errors.ts';
import { refusalOf } from '../../graphql/affordable.ts';
import type { FormatError } from '../../graphql/errors.ts';
import {
  coerceVariables,
  type OperationRules,
  requireAffordable,
  requireToken,
  takeReads,
} from '../../graphql/operations.ts';
import { type ApolloContext, faultsOf } from './prepared-documents.ts';

/** Applies the rights of the token. */
export function guardOperations(rules: OperationRules): ApolloServerPlugin<ApolloContext> {
  return {
    async requestDidStart() {
      let taken = 0;
      return {
        async didResolveOperation({ request, schema, document, operation, contextValue }) {
          if (!operation || faultsOf(contextValue)) return;
          requireToken(operation, contextValue, rules.isProduction);
          const coerced = coerceVariables(schema, operation, request.variables, rules);
          if ('fault' in coerced) throw coerced.fault;
          const cost = requireAffordable({ schema, document, operation, variables: coerced.values }, rules);
          taken = takeReads(operation, cost, contextValue);
        },
        async willSendResponse({ contextValue: { budget, meter } }) {
          meter.adjust(budget.taken - taken);
        },
      };
    },
  };
}

/** Replaces the result of an operation that used up its budget by the error. */
export function endCostly(formatError: FormatError): ApolloServerPlugin<ApolloContext> {
  return {
    async requestDidStart({ request }) {
      return {
        async willSendResponse({ response, contextValue }) {
          if (response.body.kind !== 'single') return;
          const refusal = refusalOf(response.body.singleResult, contextValue.budget);
          if (!refusal) return;
          response.body = { kind: 'single', singleResult: { errors: [formatError(refusal)] } };
          response.http.status = isLegacy(request) ? 200 : ERROR_CODES.QUERY_TOO_COSTLY.status;
        },
      };
    },
  };
}

/** Errors of the operation itself, not of the request around it. */
const OPERATION_FAULTS = new Set<unknown>([
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'BAD_USER_INPUT',
  'QUERY_TOO_DEEP',
  'QUERY_TOO_COSTLY',
]);

function isLegacy({ http }: GraphQLRequest): boolean {
  const accept = http?.headers.get('accept') ?? '';
  const isOld = accept.includes('application/json') && !accept.includes('application/graphql-response+json');
  return isOld && http?.method === 'POST';
}

/**
 * GraphQL over HTTP, section 6.4.1: a client that accepts `application/json` cannot tell our status from a proxy's, so
 * a well-formed request is answered with 200.
 */
export function answerLegacyClients(): ApolloServerPlugin<ApolloContext> {
  return {
    async requestDidStart({ request }) {
      return {
        async willSendResponse({ response, errors }) {
          if (!isLegacy(request) || response.http.status !== 400 || response.body.kind !== 'single') return;
          // The errors of a refused document are in the body only.
          const codes = (errors ?? response.body.singleResult.errors ?? []).map((error) => error.extensions?.['code']);
          if (codes.length > 0 && codes.every((code) => OPERATION_FAULTS.has(code))) response.http.status = 200;
        },
      };
    },
  };
}
