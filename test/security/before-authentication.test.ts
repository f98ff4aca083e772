/** A client without a valid token can make the service do next to nothing. */
import { LIMITS } from '../../src/limits.ts';
import { startTestService, type TestService } from '../support/service.ts';

const STREAMS = {
  json: 'application/json',
  any: '*/*',
  sse: 'text/event-stream',
  multipart: 'multipart/mixed;subscriptionSpec=1.0, application/json',
  callback: 'application/json;callbackSpec=1.0',
};
const FORMATS = Object.entries(STREAMS);

const SDL = '{ _service { sdl } }';
const INTROSPECTION = '{ __schema { types { name } } }';

describe('a request without a valid token', () => {
  let service: TestService;
  let production: TestService;
  let expired: string;
  beforeAll(async () => {
    service = await startTestService();
    production = await startTestService({ env: { NODE_ENV: 'production' } });
    expired = await service.token('alice', { expiresAt: 1_000 });
  });
  afterAll(() => Promise.all([service.close(), production.close()]));

  async function ask(query: string, { accept = 'application/json', token = '', at = service } = {}) {
    const response = await fetch(`${at.url}/graphql`, {
      method: 'POST',
      headers: {
        accept,
        'content-type': 'application/json',
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query, extensions: { subscription: {} } }),
    });
    const { data, errors } = JSON.parse(await response.text());
    return { status: response.status, data, code: errors?.[0]?.extensions.code, message: errors?.[0]?.message };
  }

  const refused = { status: 401, code: 'UNAUTHENTICATED' };

  describe.each(FORMATS)('asked for %s', (_name, accept) => {
    it.each([
      ['is not validated', '{ viewer { noSuchField } }'],
      ['that is a subscription is not validated', 'subscription { noSuchField }'],
      ['is not parsed when over 8 KiB', `{ _service { sdl } ${' '.repeat(8_200)} ) not GraphQL`],
      ['is not parsed past 500 tokens', `{ ${'_service { sdl } '.repeat(130)} ) not GraphQL`],
      ['hides no field behind a public one', '{ __typename viewer { id } }'],
      ['hides no field in a fragment', '{ ...F } fragment F on Query { _service { sdl } }'],
    ])('a document %s', async (_what, query) => {
      expect(await ask(query, { accept })).toMatchObject(refused);
      expect(await ask(query, { accept, token: expired })).toMatchObject({
        ...refused,
        message: 'The token has expired.',
      });
      expect(await ask(query, { accept, token: 'x' })).toMatchObject({
        ...refused,
        message: 'The token is not valid.',
      });
    });
  });

  it('an Accept header over the cap is not parsed', async () => {
    const token = await service.token('alice');
    const long = (range: string) => `${range},`.repeat(LIMITS.acceptCharacters / (range.length + 1) + 1);
    for (const range of ['*/*', 'application/json', 'application/graphql-response+json']) {
      expect(await ask('{ viewer { id } }', { accept: range, token })).toMatchObject({ status: 200 });
      expect(await ask('{ viewer { id } }', { accept: long(range), token })).toMatchObject({ status: 406 });
      expect(await ask('{ viewer { id } }', { accept: long(range) })).toMatchObject({ status: 401 });
    }
  });

  it('a text of 200 KB that provokes suggestions is refused at once', async () => {
    const query = `{ viewer { conversations(first: ${JSON.stringify('Did you mean '.repeat(16_000))}) { id } } }`;
    expect(await ask(query, { at: production })).toMatchObject(refused);
  });

  it('production answers `__typename` only beside a public field', async () => {
    for (const query of ['{ __typename }', 'mutation { __typename }', INTROSPECTION]) {
      expect(await ask(query, { at: production })).toMatchObject(refused);
      if (query.startsWith('{')) expect((await ask(query)).data).toBeDefined();
    }
    const open = '{ __typename _service { __typename } }';
    expect((await ask(open, { at: production })).data).toEqual({
      __typename: 'Query',
      _service: { __typename: '_Service' },
    });
  });

  it.each(['', 'x'])('public operations are served with any token (%j)', async (token) => {
    expect((await ask(SDL, { token })).data._service.sdl).toContain('type Conversation');
    expect((await ask(SDL, { token: expired })).data._service.sdl).toContain('type Conversation');
    expect((await ask(INTROSPECTION, { token: expired })).data.__schema.types).not.toEqual([]);
    for (const beside of [token, expired])
      expect(
        await ask('mutation { refreshSession(refreshToken: "x") { accessToken } }', { token: beside }),
      ).toMatchObject({
        message: 'The refresh token is not valid.',
      });
    expect(await ask(INTROSPECTION, { token, at: production })).toMatchObject(refused);
  });

  it('the SDL is served under any budget, but not many times in one operation', async () => {
    const poor = await startTestService({ env: { MAX_QUERY_COST: '1' } });
    expect((await ask(SDL, { at: poor })).data._service.sdl).toContain('type Conversation');
    await poor.close();
    const many = Array.from({ length: 10 }, (_, index) => `a${index}: sdl`).join(' ');
    expect(await ask(`{ _service { ${many} } }`)).toMatchObject({ code: 'QUERY_TOO_COSTLY' });
  });

  it('a query in the URL follows the same rules', async () => {
    const get = async (query: string) =>
      fetch(`${service.url}/graphql?query=${encodeURIComponent(query)}`, {
        headers: { 'apollo-require-preflight': 'yes', accept: 'application/json' },
      });
    expect((await get('{ viewer { noSuchField } }')).status).toBe(401);
    expect((await get(SDL)).status).toBe(200);
  });
});

describe('the message of an error', () => {
  const wrong: [string, string, object][] = [
    ['a field', '{ viewr { id } }', {}],
    ['an argument', '{ conversation(ids: "a") { id } }', {}],
    ['a type', '{ viewer { ... on Usr { id } } }', {}],
    ['an enum value in the document', '{ viewer { conversations(kind: GROUPS) { id } } }', {}],
    ['an enum value', 'query ($k: ConversationKind) { viewer { conversations(kind: $k) { id } } }', { k: 'GROUPS' }],
    [
      'an input field',
      'mutation ($i: SendMessageInput!) { sendMessage(input: $i) { id } }',
      { i: { conversationId: 'a', contents: '' } },
    ],
  ];

  it.each(wrong)('suggests no name for %s in production, over HTTP and a socket', async (_what, query, variables) => {
    for (const NODE_ENV of ['production', 'development']) {
      const service = await startTestService({ env: { NODE_ENV } });
      const alice = await service.connect('alice');
      const told = NODE_ENV === 'production' ? expect.not.stringContaining('Did you mean') : /Did you mean/;
      const { errors } = await service.query('alice', query, variables);
      const onSocket = await alice.subscribe(query, { ...variables });
      for (const message of [errors?.[0]?.message, onSocket.errors[0]?.message]) {
        if (typeof told === 'object' && 'asymmetricMatch' in told) expect(message).toEqual(told);
        else expect(message).toMatch(told);
      }
      await alice.close();
      await service.close();
    }
  });

  it('is short, however long the part of the request it quotes', async () => {
    const service = await startTestService();
    const long = 'x'.repeat(200_000);
    const queries: [string, object][] = [
      [`{ viewer { conversations(first: "${long}") { id } } }`, {}],
      [`{ ${long} }`, {}],
      [`{ viewer { id } ${'}'.repeat(200)}`, {}],
      ['query ($n: Int) { viewer { conversations(first: $n) { id } } }', { n: long }],
    ];
    for (const [query, variables] of queries) {
      const { errors } = await service.query('alice', query, variables);
      expect(errors?.[0]?.message.length).toBeLessThanOrEqual(501);
    }
    await service.close();
  });
});
