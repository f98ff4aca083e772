/** What an operation over HTTP costs, and the status that its refusal has for each kind of client. */
import { LIMITS } from '../../src/limits.ts';
import { type Data, startTestService, type TestService } from '../support/service.ts';
import { StillClock } from '../support/still-clock.ts';

const LEGACY = 'application/json';
const CURRENT = 'application/graphql-response+json';

describe('an operation over HTTP', () => {
  let service: TestService;
  beforeAll(async () => {
    const env = { RATE_LIMIT_ENABLED: 'true', RATE_LIMIT_CREATIONS: '1', MAX_QUERY_COST: '200' };
    service = await startTestService({ env });
  });
  afterAll(() => service.close());

  async function ask(user: string, accept: string, query: string, variables: object = {}) {
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await service.token(user)}`, accept },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors = [] } = (await response.json()) as Data;
    const codes: string[] = errors.map(({ extensions }: Data) => extensions.code);
    return { status: response.status, codes, data, waits: response.headers.has('retry-after') };
  }

  const roots = (count: number): string =>
    `{ ${Array.from({ length: count }, (_, n) => `${n === 0 ? '' : `a${n}: `}__typename`).join(' ')} }`;
  it.each([
    ['with too many root fields', roots(LIMITS.rootFields + 1), {}, 'QUERY_TOO_COSTLY'],
    [
      'over the budget',
      '{ viewer { conversations(first: 1000) { messages(first: 1000) { nodes { id } } } } }',
      {},
      'QUERY_TOO_COSTLY',
    ],
    [
      'with a variable of another type',
      'query ($n: Int!) { viewer { conversations(first: $n) { id } } }',
      { n: 'x' },
      'BAD_USER_INPUT',
    ],
    [
      'without a variable that it needs',
      'query ($n: Int!) { viewer { conversations(first: $n) { id } } }',
      {},
      'BAD_USER_INPUT',
    ],
  ] as const)('%s is refused before it runs', async (_, query, variables, code) => {
    for (const [accept, status] of [
      [LEGACY, 200],
      [CURRENT, 400],
    ] as const)
      expect(await ask('alice', accept, query, variables)).toMatchObject({ status, codes: [code], data: undefined });
  });

  it('that changes something is run once, also when it is answered as an event', async () => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${await service.token('dave')}` };
    const run = async (accept: string, query: string): Promise<string> => {
      const body = JSON.stringify({ query });
      return (await fetch(`${service.url}/graphql`, { method: 'POST', headers: { ...headers, accept }, body })).text();
    };
    expect(await run(LEGACY, 'mutation { createConversation(input: { id: "once" }) { id } }')).toContain('"once"');
    const send = 'mutation { sendMessage(input: { conversationId: "once", content: "a" }) { sequence } }';
    const ways = [
      'text/event-stream',
      'text/event-stream, application/json;q=0.5',
      'multipart/mixed;subscriptionSpec="1.0", application/json',
      LEGACY,
    ];
    for (const [nth, accept] of ways.entries()) expect(await run(accept, send)).toContain(`"sequence":${nth + 1}}`);
  });

  it('of which nothing succeeded, for errors that pass, has their status for a client that reads it', async () => {
    const create = (name: string, id = name): string => `${name}: createConversation(input: { id: "${id}" }) { id }`;
    const both = (...fields: readonly string[]): string => `mutation { ${fields.join(' ')} }`;
    // The burst of creations is used up first.
    for (let n = 0; n < 100 && (await ask('carol', LEGACY, both(create('c', `c${n}`)))).codes.length === 0; n += 1);
    const passing = create('d');
    const limited = 'RATE_LIMITED';
    expect(await ask('carol', CURRENT, both(passing))).toMatchObject({ status: 429, codes: [limited], waits: true });
    expect(await ask('carol', LEGACY, both(passing))).toMatchObject({ status: 200, codes: [limited], waits: true });
  });
});

it('the document of a caller without a token is not prepared for those who have one: they pay for it', async () => {
  const env = { RATE_LIMIT_ENABLED: 'true', MAX_QUERY_COST: '10' };
  const service = await startTestService({ env, clock: new StillClock() });
  /** How many of ten documents, which are long, are served until the units of a second are used up. */
  const served = async (user: string | null, name: string): Promise<number> => {
    const queries = Array.from({ length: 10 }, (_, n) => `{ viewer { id } } #${name}${n}${'x'.repeat(2_000)}`);
    const codes: (string | undefined)[] = [];
    for (const query of queries) codes.push((await service.query(user, query)).code);
    return codes.filter((code) => code === undefined).length;
  };
  expect(await served(null, 'one')).toBe(0);
  const [afterwards, first] = [await served('alice', 'one'), await served('bob', 'other')];
  expect(afterwards).toBe(first);
  expect([first > 0, first < 10]).toEqual([true, true]);
  // Those that were prepared are known.
  expect(await served('carol', 'other')).toBeGreaterThan(first);
  await service.close();
});
