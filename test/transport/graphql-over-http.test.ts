/** The specification GraphQL over HTTP, judged by the audits of graphql-http. */
import { serverAudits } from 'graphql-http';
import type { TestClient } from '../support/client.ts';
import { type Answer, startTestService, type TestService } from '../support/service.ts';

let service: TestService;
let token: string;
let present: TestClient;
beforeAll(async () => {
  service = await startTestService();
  token = await service.token('alice');
  // Words beside a status are kept while their user is connected.
  present = await service.connect('alice');
});
afterAll(async () => {
  await present.close();
  await service.close();
});

const audits = serverAudits({
  url: () => `${service.url}/graphql`,
  fetchFn: (url: string, init: RequestInit = {}) =>
    fetch(url, {
      ...init,
      // Queries by GET need what a browser sends only after a preflight.
      headers: { ...init.headers, authorization: `Bearer ${token}`, 'apollo-require-preflight': '1' },
    }),
});

it.each(audits.map((audit) => [`${audit.id}: ${audit.name}`, audit] as const))('%s', async (_, audit) => {
  const result = await audit.fn();
  if (result.status !== 'ok') {
    throw new Error(`${result.reason}`);
  }
});

const MULTIPART = 'multipart/mixed;subscriptionSpec=1.0';
const OPERATIONS = {
  query: '{ viewer { id } }',
  mutation: 'mutation { setPresence(status: BUSY) { status } }',
  subscription: 'subscription { presenceUpdated(userIds: ["alice"]) { userId } }',
  'a document that is not valid': '{ nothing }',
} as const;
type Kind = keyof typeof OPERATIONS;
const ACCEPTS = [
  undefined,
  '*/*',
  'application/json',
  'application/graphql-response+json, application/json;q=0.9',
  'text/event-stream',
  MULTIPART,
  `${MULTIPART}, application/json`,
  'application/json, text/event-stream',
  'text/html',
];

/** The content types that may answer a request; null: it is refused, in JSON. */
function oracle(method: string, kind: Kind, accept: string | undefined): readonly string[] | null {
  const isAny = accept === undefined || accept === '*/*';
  const streams = ['text/event-stream', 'multipart/mixed'].filter((type) => accept?.includes(type));
  const json = isAny || accept.includes('json') ? ['application/json', 'application/graphql-response+json'] : [];
  if (method === 'HEAD' || (method === 'GET' && kind === 'mutation')) return null;
  if (kind === 'subscription') return streams.length > 0 ? streams : isAny ? ['text/event-stream'] : null;
  // A query is answered in JSON, and by events where nothing else is taken.
  if (json.length > 0) return json;
  if (streams.includes('text/event-stream')) return streams;
  return kind === 'a document that is not valid' && streams.length > 0 ? streams : null;
}

const statusOf = async (): Promise<string> =>
  (await service.query('alice', '{ viewer { presence { statusText } } }')).data.viewer.presence.statusText;

/** Bodies that are no request, each of an operation that would be seen. */
const BODIES: Readonly<Record<string, readonly [body: string, type?: string, status?: number]>> = {
  'that end too early': ['{"query":"mutation { setPresence(status: BUSY, statusText: \\"cut\\") { status } }"'],
  'that are empty': [''],
  'that are a list': ['[{"query":"mutation { setPresence(status: BUSY, statusText: \\"list\\") { status } }"}]'],
  'that are null': ['null'],
  'that are a string': ['"{ viewer { id } }"'],
  'without a query': ['{"variables":{}}'],
  'with a query that is a number': ['{"query":5}'],
  'with variables as a string': [
    '{"query":"mutation { setPresence(status: BUSY, statusText: \\"text\\") { status } }","variables":"{}"}',
  ],
  'with variables as a list': [
    '{"query":"mutation { setPresence(status: BUSY, statusText: \\"list\\") { status } }","variables":[1]}',
  ],
  'with extensions as a string': [
    '{"query":"mutation { setPresence(status: BUSY, statusText: \\"text\\") { status } }","extensions":"{}"}',
  ],
  'with a number as operationName': [
    '{"query":"mutation { setPresence(status: BUSY, statusText: \\"name\\") { status } }","operationName":5}',
  ],
  'with a number that a double cannot hold': [
    '{"query":"mutation { setPresence(status: BUSY, statusText: \\"big\\") { status } }","variables":{"n":1e999}}',
  ],
  'with a prototype key': [
    '{"query":"mutation { setPresence(status: BUSY, statusText: \\"key\\") { status } }","__proto__":{}}',
  ],
  'in another charset': ['{"query":"{ viewer { id } }"}', 'application/json; charset=utf-16', 415],
  'of another type': ['{"query":"{ viewer { id } }"}', 'text/plain'],
  'of another type and without JSON': ['{ viewer { id } }', 'application/graphql'],
};

it.each(Object.entries(BODIES))('bodies %s are refused for every Accept, and nothing is executed', async (_, bad) => {
  const [body, type = 'application/json', status = 400] = bad;
  const before = await statusOf();
  for (const accept of ACCEPTS) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': type, ...(accept ? { accept } : {}) };
    const response = await fetch(`${service.url}/graphql`, { method: 'POST', headers, body });
    const { errors } = (await response.json()) as Answer;
    expect([accept, response.status, errors?.[0]?.extensions.code]).toEqual([accept, status, 'BAD_USER_INPUT']);
  }
  expect(await statusOf()).toBe(before);
});

describe.each(['GET', 'POST', 'HEAD'])('%s, each kind of operation by Accept', (method) => {
  const cases = Object.keys(OPERATIONS).flatMap((kind) => ACCEPTS.map((accept) => [kind as Kind, accept] as const));

  it.each(cases)('%s, Accept: %s', async (kind, accept) => {
    // Words of its own, by which it is seen whether it was done.
    const query = OPERATIONS[kind].replace('BUSY', `BUSY, statusText: "${method} ${accept}"`);
    const isPost = method === 'POST';
    const before = await statusOf();
    const abort = new AbortController();
    const response = await fetch(`${service.url}/graphql${isPost ? '' : `?query=${encodeURIComponent(query)}`}`, {
      method,
      signal: abort.signal,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        ...(accept === undefined ? {} : { accept }),
      },
      ...(isPost ? { body: JSON.stringify({ query }) } : {}),
    });
    const expected = oracle(method, kind, accept);
    const type = response.headers.get('content-type')?.split(';')[0];
    abort.abort();
    if (expected) {
      expect(expected).toContain(type);
      expect(kind === 'a document that is not valid' ? [200, 400] : [200]).toContain(response.status);
      return;
    }
    // Without a header `fetch` sends `*/*`.
    expect([405, 406]).toContain(response.status);
    // What was refused was not done.
    expect(await statusOf()).toBe(before);
  });
});
