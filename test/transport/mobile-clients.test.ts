/**
 * Apollo's clients for Swift and Kotlin: the requests that their sources build, and the rules by which they read
 * answers.
 */
import { createHash } from 'node:crypto';
import { eventually } from '../support/eventually.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';

const VIEWER = 'query Viewer { viewer { id } }';
const SEND = 'mutation Send($input: SendMessageInput!) { sendMessage(input: $input) { content } }';
const RECEIVED = 'subscription Received($ids: [ID!]) { messageReceived(conversationIds: $ids) { content } }';
const TYPE_AND_NAME = /^(query|mutation|subscription) (\w+)/;

interface Composed {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

const typeOf = (query: string): readonly [type: string, name: string] => {
  const [, type = '', name = ''] = TYPE_AND_NAME.exec(query) ?? [];
  return [type, name];
};

/** `JSONRequest` and `ApolloRequestBodyCreator` of apollo-ios 2. */
function bySwift(query: string, variables: object): Composed {
  const [type, operationName] = typeOf(query);
  const spec = type === 'subscription' ? 'subscriptionSpec=1.0' : 'deferSpec=20220824';
  return {
    headers: {
      'Content-Type': 'application/json',
      Accept: `multipart/mixed;${spec},application/graphql-response+json,application/json`,
      'apollographql-client-name': 'com.example.chat-apollo-ios',
      'apollographql-client-version': '1.0-1',
      'X-APOLLO-OPERATION-NAME': operationName,
      'X-APOLLO-OPERATION-TYPE': type,
      'User-Agent': 'Chat/1 CFNetwork/3826.400.120 Darwin/24.3.0',
      'Accept-Language': 'en-GB,en;q=0.9',
    },
    body: { extensions: { clientLibrary: { name: 'apollo-ios', version: '2.0.0' } }, operationName, query, variables },
  };
}

/** `DefaultHttpRequestComposer` of apollo-kotlin 4. */
function byKotlin(query: string, variables: object): Composed {
  const [type, operationName] = typeOf(query);
  const spec = type === 'subscription' ? 'subscriptionSpec=1.0' : 'deferSpec=20220824';
  return {
    headers: {
      Accept: `multipart/mixed;${spec}, application/graphql-response+json, application/json`,
      'Content-Type': 'application/json',
      'Accept-Encoding': 'gzip',
      'User-Agent': 'okhttp/4.12.0',
    },
    body: {
      operationName,
      variables,
      query,
      extensions: { clientLibrary: { name: 'apollo-kotlin', version: '4.3.0' } },
    },
  };
}

/** As `MultipartResponseSubscriptionParser`: parts by the boundary, lines by an empty one; each has to be of a known kind. */
function readBySwift(contentType: string, text: string): unknown[] {
  const parameters = contentType.split(';').map((part) => part.trim());
  expect(parameters).toContain('subscriptionSpec=1.0');
  const boundary = parameters.find((part) => part.startsWith('boundary='))?.slice('boundary='.length);
  return text.split(`--${boundary?.replaceAll('"', '')}`).flatMap((chunk) => {
    if (chunk.trim() === '' || chunk.trim() === '--') return [];
    return chunk.split('\r\n\r\n').flatMap((line) => {
      const trimmed = line.trim();
      if (trimmed === '' || trimmed === '{}') return [];
      if (/^content-type:/i.test(trimmed)) {
        expect(trimmed.split(':').at(-1)?.trim()).toBe('application/json');
        return [];
      }
      const { payload, errors } = JSON.parse(trimmed) as { readonly payload?: unknown; readonly errors?: unknown };
      expect(errors).toBeUndefined();
      return payload === null ? [] : [payload];
    });
  });
}

/** As `MultipartReader` of apollo-kotlin: a part is its headers, an empty line and a body up to the next boundary. */
function readByKotlin(contentType: string, text: string): unknown[] {
  const boundary = /boundary="?([^";]+)/.exec(contentType)?.[1] ?? '';
  return text
    .split(new RegExp(`(?:^|\r\n)--${boundary.replace(/[-.*+?^$()|[\]{}]/g, String.raw`\$&`)}(?:--)?(?:\r\n|$)`))
    .slice(1)
    .flatMap((part) => {
      const [, body = ''] = part.split('\r\n\r\n');
      if (body.trim() === '' || body.trim() === '{}') return [];
      return [(JSON.parse(body) as { readonly payload: unknown }).payload];
    });
}

describe.each([
  ['apollo-ios', bySwift, readBySwift],
  ['apollo-kotlin', byKotlin, readByKotlin],
])('requests of %s', (_name, compose, read) => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService();
  });
  afterAll(() => service.close());
  const post = async ({ headers, body }: Composed, signal: AbortSignal | null = null): Promise<Response> => {
    const authorization = `Bearer ${await service.token('ann')}`;
    const init = { method: 'POST', headers: { ...headers, authorization }, body: JSON.stringify(body), signal };
    return fetch(`${service.url}/graphql`, init);
  };

  it('are answered in one response, and get events by multipart', async () => {
    const viewer = await post(compose(VIEWER, {}));
    expect(viewer.headers.get('content-type')).toMatch(/^application\/(graphql-response\+)?json/);
    expect(await viewer.json()).toEqual({ data: { viewer: { id: 'ann' } } });
    const id = newId();
    await service.query('ann', `mutation { createConversation(input: {id: "${id}"}) { id } }`);
    const ending = new AbortController();
    const stream = await post(compose(RECEIVED, { ids: [id] }), ending.signal);
    const contentType = stream.headers.get('content-type') ?? '';
    expect(contentType).toMatch(/^multipart\/mixed/);
    let text = '';
    const reading = (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of stream.body ?? []) text += decoder.decode(chunk as Uint8Array, { stream: true });
    })().catch(() => undefined);
    for (const content of ['one', 'two']) {
      const sent = await post(compose(SEND, { input: { conversationId: id, content } }));
      expect(await sent.json()).toEqual({ data: { sendMessage: { content } } });
      service.clock.advance(4_000);
    }
    const events = ['one', 'two'].map((content) => ({ data: { messageReceived: { content } } }));
    await eventually(() => expect(read(contentType, text)).toEqual(events));
    ending.abort();
    await reading;
  });

  it('name a document by its hash, and send it when the hash is unknown', async () => {
    const query = `query Viewer { viewer { id } } # ${newId()}`;
    const sha256Hash = createHash('sha256').update(query).digest('hex');
    const { headers, body } = compose(query, {});
    const { query: document, ...rest } = body;
    const extensions = { persistedQuery: { version: 1, sha256Hash } };
    const unknown = (await (await post({ headers, body: { ...rest, extensions } })).json()) as Data;
    expect(unknown.errors[0].message).toBe('PersistedQueryNotFound');
    for (const asked of [
      { ...rest, query: document, extensions },
      { ...rest, extensions },
    ])
      expect(await (await post({ headers, body: asked })).json()).toEqual({ data: { viewer: { id: 'ann' } } });
  });
});
