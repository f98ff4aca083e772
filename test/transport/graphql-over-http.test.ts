/** The specification GraphQL over HTTP, judged by the audits of graphql-http. */
import { serverAudits } from 'graphql-http';
import { startTestService, type TestService } from '../support/service.ts';

let service: TestService;
let token: string;
beforeAll(async () => {
  service = await startTestService();
  token = await service.token('alice');
});
afterAll(() => service.close());

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

describe.each(['GET', 'POST', 'HEAD'])('%s, of each kind, by what is accepted', (method) => {
  const statusOf = async (): Promise<string> =>
    (await service.query('alice', '{ viewer { presence { statusText } } }')).data.viewer.presence.statusText;
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
