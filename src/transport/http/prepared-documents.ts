/**
 * Gives Apollo Server the document that was parsed and validated here.
 *
 * All transports share one cache of documents, and each new document is parsed once. Apollo Server 5 parses and
 * validates only where its request has no document after `didResolveSource` (`requestPipeline.js`).
 */
import type { ApolloServerPlugin, BaseContext } from '@apollo/server';
import { type DocumentNode, type GraphQLError, parse } from 'graphql';
import type { Context } from '../../graphql/context.ts';
import type { FormatError } from '../../graphql/errors.ts';
import type { PreparedDocument } from '../../graphql/operations.ts';

/** A property of the context, since Apollo Server passes on a copy of it. */
const DOCUMENT = Symbol('document');

export type ApolloContext = Context & BaseContext & { readonly [DOCUMENT]?: PreparedDocument };

/** Stands for a refused document. It is not executed. */
const NOTHING = parse('{ __typename }');

export const withDocument = (context: ApolloContext, document: PreparedDocument): ApolloContext =>
  Object.assign(context, { [DOCUMENT]: document });

/** The errors of a refused document. */
export function faultsOf({ [DOCUMENT]: document }: ApolloContext): readonly GraphQLError[] | null {
  return document && !('kind' in document) ? document : null;
}

function documentOf({ [DOCUMENT]: document }: ApolloContext): DocumentNode {
  if (!document) throw new Error('a request came to Apollo Server without its document');
  return 'kind' in document ? document : NOTHING;
}

export function givePreparedDocuments(formatError: FormatError): ApolloServerPlugin<ApolloContext> {
  return {
    async requestDidStart() {
      return {
        async didResolveSource(request) {
          Object.assign(request, { document: documentOf(request.contextValue) });
        },
        async responseForOperation({ contextValue, response: { http } }) {
          const faults = faultsOf(contextValue);
          if (!faults) return null;
          http.status = 400;
          return { http, body: { kind: 'single', singleResult: { errors: faults.map(formatError) } } };
        },
      };
    },
  };
}
