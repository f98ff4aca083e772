/** Refusals and bodies of requests: their form, their status, and when to retry. */
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import fastify, { type FastifyReply } from 'fastify';
import { badInput, ServiceError, unavailable } from '../../src/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { sayError } from '../../src/transport/http/http-errors.ts';
import { refuse } from '../../src/transport/http/refusal.ts';
import { readBodies } from '../../src/transport/http/request-bodies.ts';
import { endTooFarAhead } from '../../src/transport/http/requests-ahead.ts';
import { retryAfterS } from '../../src/transport/http/retry-after.ts';
import { endUnreadable } from '../../src/transport/http/unreadable-requests.ts';

describe('a refusal', () => {
  const answered = async (work: (socket: PassThrough) => void): Promise<string> => {
    const socket = new PassThrough();
    const written: Buffer[] = [];
    socket.end = ((text: string, done: () => void) => {
      written.push(Buffer.from(text));
      done();
      return socket;
    }) as typeof socket.end;
    work(socket);
    if (!socket.destroyed) await once(socket, 'close');
    return Buffer.concat(written).toString();
  };

  it('past Fastify is HTTP, with the form of all errors', async () => {
    const answer = await answered((socket) =>
      refuse(socket, { status: 503, message: 'Wéit.', retryAfterS: 7, headers: { 'X-More': '1' } }),
    );
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect(head.split('\r\n')).toEqual([
      'HTTP/1.1 503 Service Unavailable',
      'Connection: close',
      'Retry-After: 7',
      'X-More: 1',
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
    ]);
    expect(JSON.parse(body)).toEqual({
      errors: [{ message: 'Wéit.', extensions: { code: 'SERVICE_UNAVAILABLE', retryAfterMs: 7_000 } }],
    });
    const other = await answered((socket) => refuse(socket, { status: 403, message: 'No.' }));
    expect([other.includes('Retry-After'), other.includes('"retryAfterMs"'), other.includes('"FORBIDDEN"')]).toEqual([
      false,
      false,
      true,
    ]);
  });

  it.each([
    ['HPE_HEADER_OVERFLOW', 'HTTP/1.1 431'],
    ['ERR_HTTP_REQUEST_TIMEOUT', 'HTTP/1.1 408'],
    ['HPE_INVALID_METHOD', 'HTTP/1.1 400'],
  ])('of bytes that are no request, %s, is %s', async (code, line) => {
    const answer = await answered((socket) => {
      (socket as unknown as { destroySoon(): void }).destroySoon = () => socket.destroy();
      endUnreadable(Object.assign(new Error(code), { code }), socket as never);
    });
    expect(answer.startsWith(line)).toBe(true);
  });

  it.each([
    [0, '1'],
    [1, '1'],
    [1_000, '1'],
    [1_001, '2'],
  ])('that passes in %i ms says so in seconds: %s', (ms, seconds) => {
    expect(retryAfterS(ms)).toBe(seconds);
  });
});

describe('errors as answers', () => {
  const answerOf = (error: unknown) => {
    const sent = { status: 0, headers: {} as Record<string, string>, body: {} as unknown };
    const reply = {
      header: (name: string, value: string) => Object.assign(sent.headers, { [name]: value }),
      code(status: number) {
        sent.status = status;
        return { send: (body: unknown) => Object.assign(sent, { body }) };
      },
    };
    const formatError = (known: unknown) => {
      const { retryAfterMs, message } = known as ServiceError;
      const code = known instanceof ServiceError ? known.code : 'INTERNAL_SERVER_ERROR';
      return { message, extensions: { code, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) } };
    };
    sayError(reply as unknown as FastifyReply, error, formatError as never);
    return sent;
  };
  const fault = (statusCode: number, code = '') => Object.assign(new Error('of Fastify'), { statusCode, code });

  it.each<[string, unknown, number, string]>([
    ['bad input', badInput('No.'), 400, 'No.'],
    ['a missing right', new ServiceError('FORBIDDEN', 'No.'), 200, 'No.'],
    [
      'a body that is too large',
      fault(413),
      413,
      'The request body is too large; MAX_BODY_BYTES is the limit at /graphql.',
    ],
    ['an empty body', fault(400, 'FST_ERR_CTP_EMPTY_JSON_BODY'), 400, 'The body is empty.'],
    ['another fault of the request', fault(499), 400, 'The request is malformed.'],
    ['a fault of the service', fault(500), 500, 'of Fastify'],
    ['an unknown fault', new Error('broken'), 500, 'broken'],
  ])('%s', (_, error, status, message) => {
    expect(answerOf(error)).toMatchObject({ status, headers: {}, body: { errors: [{ message }] } });
  });

  it('that pass say when to retry', () => {
    expect(answerOf(unavailable(null, 2_500))).toMatchObject({ status: 503, headers: { 'retry-after': '3' } });
  });
});

it('requests that are too many ahead end their connection, and those answered do not count', () => {
  const handled: number[] = [];
  const handle = endTooFarAhead(() => void handled.push(1));
  const socket = {
    destroyed: false,
    destroy() {
      socket.destroyed = true;
    },
  };
  const closes: (() => void)[] = [];
  const response = { once: (_: string, close: () => void) => void closes.push(close) };
  const ask = (): void => handle({ socket } as never, response as never);
  for (let nth = 0; nth < LIMITS.requestsAhead; nth += 1) ask();
  closes[0]?.();
  ask();
  expect([handled.length, socket.destroyed]).toEqual([LIMITS.requestsAhead + 1, false]);
  ask();
  expect([handled.length, socket.destroyed]).toEqual([LIMITS.requestsAhead + 1, true]);
  closes[1]?.();
  closes[2]?.();
  closes[3]?.();
  ask();
  expect(handled).toHaveLength(LIMITS.requestsAhead + 1);
});

describe('the body of a request', () => {
  const app = fastify();
  readBodies(app);
  app.setErrorHandler((error, _request, reply) => reply.code(400).send({ error: (error as Error).message }));
  app.all('/', async ({ body }) => ({ body }));
  afterAll(() => app.close());
  const sent = async (payload: string, type = 'application/json', url = '/') => {
    const response = await app.inject({ method: 'POST', url, payload, headers: { 'content-type': type } });
    return { status: response.statusCode, ...(response.json() as { body?: unknown; error?: string }) };
  };

  it('is JSON with exact numbers, without empty optional fields', async () => {
    expect(await sent('{"query":"{ a }","variables":"","n":1.5}')).toEqual({
      status: 200,
      body: { query: '{ a }', n: 1.5 },
    });
    expect((await sent('{"n":12345678901234567890}')).status).toBe(400);
    expect((await sent('{"n":12345678901234567890}', 'application/other')).status).toBe(400);
    expect(await sent('{"n":1}', 'application/other')).toEqual({ status: 200, body: { n: 1 } });
    expect(await sent('no JSON', 'application/other')).toEqual({ status: 200, body: null });
  });

  it('is refused by its fault', async () => {
    expect((await sent('{"__proto__":{}}')).error).toMatch(/^The body must not have the key __proto__/);
    const broken = await sent('{');
    expect([broken.status, broken.error?.includes('__proto__')]).toEqual([400, false]);
  });

  it('has variables with exact numbers in the URL, too', async () => {
    const url = (variables: string): string => `/?variables=${encodeURIComponent(variables)}`;
    expect((await sent('{}', 'application/json', url('{"n":1}'))).status).toBe(200);
    expect((await sent('{}', 'application/json', url('{"n":12345678901234567890}'))).status).toBe(400);
  });
});
