/** Reads the bodies of requests: JSON with exact numbers, without empty optional fields. */
import type { FastifyInstance } from 'fastify';
import { badInput, type ServiceError } from '../../errors.ts';
import { faultOfNumbers, isJson } from '../../exact-json.ts';
import { leaveOutEmpty } from '../peers/left-out.ts';

/** Refuses inexact input instead of changing it. */
function refuseInexact(json: string): ServiceError | null {
  const fault = faultOfNumbers(json);
  return fault === null ? null : badInput(fault);
}

const refusedKey = (): ServiceError =>
  badInput('The body must not have the key __proto__, or prototype in constructor.');

export function readBodies(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    const text = body.toString();
    const refusal = refuseInexact(text);
    if (refusal) return done(refusal);
    parseJson(request, text, (error, value) => done(error && isJson(text) ? refusedKey() : error, value));
  });
  app.addHook('preValidation', async ({ query, body }) => {
    leaveOutEmpty(body);
    const { variables } = query as { readonly variables?: unknown };
    const refusal = typeof variables === 'string' ? refuseInexact(variables) : null;
    if (refusal) throw refusal;
  });
  // Any other content type than JSON is read as text, so that the handler can name the right one.
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    const text = body.toString();
    const refusal = refuseInexact(text);
    if (refusal) return done(refusal);
    try {
      done(null, JSON.parse(text));
    } catch {
      done(null, null);
    }
  });
}
