/** Automatic persisted queries: every way in accepts a hash, and all share one store. */
import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { createPersistedQueries } from '../../src/graphql/persisted-queries.ts';
import { LIMITS } from '../../src/limits.ts';
import { UNMETERED } from '../../src/rates/meters.ts';
import { restoreHashedRequest } from '../../src/transport/http/hashed-request.ts';
import { type CallbackRouter, startCallbackRouter, subscribeByCallback } from '../support/callback-router.ts';
import { eventually } from '../support/eventually.ts';
import { openStream } from '../support/http-stream.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';
import { openSocket } from '../support/socket.ts';

const hashOf = (query: string): string => createHash('sha256').update(query).digest('hex');
const extensionsOf = (sha256Hash: string, version: unknown = 1) => ({ persistedQuery: { version, sha256Hash } });
const QUERY = 'query ($ids: [ID!]!) { presence(userIds: $ids) { userId } }';
const LIVE = 'subscription ($ids: [ID!]!) { presenceUpdated(userIds: $ids) { userId } }';
const variables = { ids: ['ann'] };

type Request = { readonly query?: string; readonly extensions: object };
type Way = (request: Request) => Promise<string>;

describe('a document named by its hash', () => {
  let service: TestService;
  let token: string;
  let router: CallbackRouter;
  beforeAll(async () => {
    router = await startCallbackRouter();
    service = await startTestService({ env: { CALLBACK_ALLOWED_URLS: router.url } });
    token = await service.token('ann');
  });
  afterAll(async () => {
    await service.close();
    await router.close();
  });

  const NOT_FOUND = '"code":"PERSISTED_QUERY_NOT_FOUND"';

  async function stream(accept: string, body: object): Promise<string> {
    const opened = await openStream(service, token, { ...body, variables }, { accept });
    await eventually(() => expect(opened.text).toMatch(/"data"|"code"/));
    opened.stop();
    return opened.text;
  }
  async function bySocket({ query, extensions }: Request): Promise<string> {
    const socket = await openSocket(service.wsUrl, ['graphql-transport-ws']);
    socket.send({ type: 'connection_init', payload: { token } });
    await socket.frame(0);
    socket.send({ id: '1', type: 'subscribe', payload: { query, extensions, variables } });
    const answer = await socket.frame(1);
    socket.socket.terminate();
    return JSON.stringify(answer);
  }
  /** What is answered, and what then comes by callback, which is sent nothing when the answer is a refusal. */
  async function byCallback(request: Request): Promise<string> {
    const subscriptionId = newId();
    const subscription = { callbackUrl: router.url, subscriptionId, verifier: 'v', heartbeatIntervalMs: 0 };
    const response = await subscribeByCallback(service.url, token, { ...request, variables }, subscription);
    const answer = await response.text();
    if (answer.includes('"errors"')) return answer;
    await eventually(() => expect(router.of('next', subscriptionId)).not.toEqual([]));
    return JSON.stringify(router.of('next', subscriptionId));
  }
  async function byGet(request: Request): Promise<string> {
    const parameters = Object.entries({ ...request, variables })
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]);
    const url = `${service.url}/graphql?${new URLSearchParams(Object.fromEntries(parameters))}`;
    const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    return response.text();
  }
  const WAYS: Readonly<Record<string, readonly [query: string, way: Way]>> = {
    POST: [QUERY, (request) => stream('application/json', request)],
    GET: [QUERY, byGet],
    'a query by server-sent events': [QUERY, (request) => stream('text/event-stream', request)],
    'server-sent events': [LIVE, (request) => stream('text/event-stream', request)],
    multipart: [LIVE, (request) => stream('multipart/mixed;subscriptionSpec=1.0', request)],
    'a socket': [LIVE, bySocket],
    callback: [LIVE, byCallback],
  };

  it.each(Object.entries(WAYS))('by %s', async (name, [document, way]) => {
    const query = `${document} # ${name}`;
    const extensions = extensionsOf(hashOf(query));
    expect(await way({ extensions })).toContain(NOT_FOUND);
    expect(await way({ query, extensions: extensionsOf(hashOf('another')) })).toContain('does not match');
    expect(await way({ extensions })).toContain(NOT_FOUND);
    expect(await way({ query, extensions })).toContain('"userId":"ann"');
    expect(await way({ extensions })).toContain('"userId":"ann"');
    expect(await way({ extensions: extensionsOf(hashOf(query), 2) })).toContain('Unsupported');
    expect(await way({ query, extensions: extensionsOf({ of: query } as never) })).toContain(
      'sha256Hash: must be a string',
    );
  });

  it('a document stored over one transport is known over the others', async () => {
    const extensions = extensionsOf(hashOf(LIVE));
    await bySocket({ query: LIVE, extensions });
    expect(await stream('text/event-stream', { extensions })).toContain('"userId":"ann"');
  });

  it('an unknown hash is answered with 200 and without caching', async () => {
    const body = { extensions: extensionsOf(hashOf('{ unknown }')) };
    const response = await openStream(service, token, body);
    expect([response.status, response.headers.get('cache-control')]).toEqual([
      200,
      'private, no-cache, must-revalidate',
    ]);
  });

  it('without a token no document is stored, and none that needs a token is executed', async () => {
    const query = '{ viewer { id } }';
    const body: Data = { query, extensions: extensionsOf(hashOf(query)) };
    expect((await openStream(service, null, body)).status).toBe(401);
    const { extensions } = body;
    expect(await stream('application/json', { extensions })).toContain(NOT_FOUND);
    await openStream(service, token, body);
    expect((await openStream(service, null, { extensions })).status).toBe(401);
  });

  it('the documents used last are kept, up to a cap of characters', async () => {
    const padding = ' '.repeat(200_000);
    const documents = Array.from(
      { length: Math.ceil(LIMITS.persistedDocumentCharacters / padding.length) + 1 },
      (_, n) => `{ viewer { id } }${padding}#${n}`,
    );
    for (const query of documents) {
      await (await openStream(service, token, { query, extensions: extensionsOf(hashOf(query)) })).stop();
    }
    const kept = Math.floor(LIMITS.persistedDocumentCharacters / (documents[0]?.length ?? 0));
    expect(kept).toBeGreaterThan(1);
    const [forgotten, known] = documents.slice(-kept - 1).map((query) => extensionsOf(hashOf(query)));
    expect(JSON.stringify(await bySocket({ extensions: forgotten as object }))).toContain('NOT_FOUND');
    expect(JSON.stringify(await bySocket({ extensions: known as object }))).toContain('ann');
  });

  it('a long document restored from its hash is charged to the user', async () => {
    const persisted = createPersistedQueries();
    const long = `{ viewer { id } } #${'€'.repeat(LIMITS.openDocumentBytes)}`;
    const extensions = extensionsOf(hashOf(long));
    persisted.documentOf({ query: long, extensions }, true);
    const paid: number[] = [];
    const pay = (units: number): void => void paid.push(units);
    const meter = { ...UNMETERED, read: pay, adjust: pay };
    const ask = (isProvenGateway: boolean): number => {
      const url = '/graphql?extensions=1';
      const query = { extensions: JSON.stringify(extensions) };
      const caller = { bearer: null, isProvenGateway, meter };
      const request = { method: 'GET', query, url, raw: { url } };
      expect(restoreHashedRequest(request as unknown as FastifyRequest, persisted, caller)).toBeNull();
      expect(request.query).toMatchObject({ query: long });
      return request.raw.url.length;
    };
    expect(ask(true)).toBeGreaterThan(long.length);
    expect(paid).toEqual([1, Math.floor(Buffer.byteLength(long) / 125) - 1]);
    expect(ask(false)).toBeLessThan(100);
    await stream('application/json', { query: long, extensions });
    const url = `${service.url}/graphql?extensions=${encodeURIComponent(JSON.stringify(extensions))}`;
    const answer = await fetch(url, { headers: { 'apollo-require-preflight': '1' } });
    expect([answer.status, await answer.text()]).toEqual([401, expect.stringContaining('"UNAUTHENTICATED"')]);
  });
});
