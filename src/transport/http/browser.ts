/** Headers for browsers: which pages may read an answer, and what they may do with it. */
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { IsOriginAllowed } from '../../access/origins.ts';

const PREFLIGHT_S = 600;

export function protectBrowsers(app: FastifyInstance, isOriginAllowed: IsOriginAllowed): void {
  // A content policy matters only for pages, and each page has its own (`console-files.ts`).
  app.register(helmet, { contentSecurityPolicy: false });
  app.register(cors, {
    delegator: ({ headers: { origin, host } }, answer) =>
      answer(null, {
        origin: origin !== undefined && isOriginAllowed(origin, host),
        methods: ['GET', 'POST'],
        exposedHeaders: ['retry-after'],
        maxAge: PREFLIGHT_S,
      }),
  });
}

/** Passes the headers set so far to a response that is written past Fastify. */
export function passHeaders(reply: FastifyReply): void {
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) reply.raw.setHeader(name, value);
}
