/** The time after which an HTTP client may retry a failed request (RFC 9110 section 10.2.3). */
import type { ApolloServerPlugin } from '@apollo/server';
import type { FastifyReply } from 'fastify';
import type { FormattedExecutionResult, GraphQLFormattedError } from 'graphql';
import { ERROR_CODES } from '../../errors.ts';
import type { Context } from '../../graphql/context.ts';

type PassingCode = 'RATE_LIMITED' | 'SERVICE_UNAVAILABLE';

const codeOf = ({ extensions }: GraphQLFormattedError): PassingCode | null =>
  extensions?.['code'] === 'RATE_LIMITED' || extensions?.['code'] === 'SERVICE_UNAVAILABLE' ? extensions['code'] : null;

const waitOf = ({ extensions }: GraphQLFormattedError): number => Number(extensions?.['retryAfterMs'] ?? 0);

/** `retryAfterMs` as a header value, in whole seconds. */
export const retryAfterS = (waitMs: number): string => String(Math.max(1, Math.ceil(waitMs / 1_000)));

/** Sets `Retry-After` for the extensions of an error that passes. */
export function sayWhenToRetry(reply: FastifyReply, { retryAfterMs }: Readonly<Record<string, unknown>>): void {
  if (typeof retryAfterMs === 'number') reply.header('retry-after', retryAfterS(retryAfterMs));
}

/** Whether no root field has a value. */
const isEmpty = ({ data }: FormattedExecutionResult): boolean =>
  Object.values(data ?? {}).every((value) => value === null);

/**
 * Sets `Retry-After`. When nothing succeeded, a client that accepts `application/graphql-response+json` also gets
 * status 429 or 503; other clients would take the status for that of a proxy.
 */
export function retryAfterPlugin(): ApolloServerPlugin<Context> {
  return {
    async requestDidStart({ request }) {
      return {
        async willSendResponse({ response }) {
          if (response.body.kind !== 'single') return;
          const { singleResult: result } = response.body;
          const errors = result.errors ?? [];
          const passing = errors.filter(codeOf);
          const [first] = passing;
          const code = first && codeOf(first);
          if (!code) return;
          const waitMs = Math.max(...passing.map(waitOf));
          response.http.headers.set('retry-after', retryAfterS(waitMs));
          const readsStatus = request.http?.headers.get('accept')?.includes('application/graphql-response+json');
          if (readsStatus && passing.length === errors.length && isEmpty(result)) {
            response.http.status = ERROR_CODES[code].status;
          }
        },
      };
    },
  };
}
