/** Rate limits over sockets and HTTP, by connection, user and tenant. */
import { LIMITS } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { metric } from '../support/metrics.ts';
import { type Data, startTestService, type TestService } from '../support/service.ts';
import { StillClock } from '../support/still-clock.ts';

const SEND = 'mutation { sendMessage(input: {conversationId: "c", content: "x"}) { id } }';
const CREATE = 'mutation { createConversation(input: {id: "c"}) { id } }';
const HOUR_MS = 3_600_000;

describe('rate limits', () => {
  let service: TestService;
  beforeEach(async () => {
    const env = { RATE_LIMIT_ENABLED: 'true', RATE_LIMIT_USER_MESSAGES: '30' };
    service = await startTestService({ env, clock: new StillClock() });
    await service.query('alice', CREATE);
  });
  afterEach(() => service.close());

  const times = <Result>(count: number, work: () => Promise<Result>): Promise<Result[]> =>
    Promise.all(Array.from({ length: count }, work));
  const code = (result: { errors?: readonly { extensions: { code: string } }[] }): string =>
    result.errors?.[0]?.extensions.code ?? 'OK';

  it('a connection sends its burst, gets retryAfterMs, and may continue then', async () => {
    const alice = await service.connect('alice');
    const answers = await times(25, () => alice.query(SEND));
    const refused = answers.filter((answer) => code(answer) === 'RATE_LIMITED');
    expect(refused).toHaveLength(5);
    expect(refused[0]?.errors[0].extensions.retryAfterMs).toBeGreaterThan(0);
    service.clock.advance(1_000);
    expect(code(await alice.query(SEND))).toBe('OK');
    await alice.close();
  });

  it.each([HOUR_MS, -HOUR_MS])('F25: a clock set by %i ms changes no waiting time', async (ms) => {
    const alice = await service.connect('alice');
    await times(25, () => alice.query(SEND));
    service.clock.jump(ms);
    const more = await times(25, () => alice.query(SEND));
    expect(new Set(more.map(code))).toEqual(new Set(['RATE_LIMITED']));
    service.clock.advance(1_000);
    expect(code(await alice.query(SEND))).toBe('OK');
    await alice.close();
  });

  it('connections and requests of a user share a rate; another user has their own', async () => {
    const [one, two] = [await service.connect('alice'), await service.connect('alice')];
    const answers = [...(await times(20, () => one.query(SEND))), ...(await times(20, () => two.query(SEND)))];
    expect(answers.filter((answer) => code(answer) === 'OK')).toHaveLength(30);
    expect(code(await service.query('alice', SEND))).toBe('RATE_LIMITED');
    await service.query('bob', 'mutation { createConversation(input: {id: "b"}) { id } }');
    expect(code(await service.query('bob', SEND.replace('"c"', '"b"')))).toBe('OK');
    await one.close();
    await two.close();
  });

  it('W76: a hundred subscriptions may be opened at once, as at a reconnect; then ten a second', async () => {
    const alice = await service.connect('alice');
    const open = () => alice.subscribe('subscription { messageReceived { id } }');
    const first = await times(100, open);
    expect(first.flatMap(({ errors }) => errors)).toEqual([]);
    for (const { stop } of first) stop();
    const more = await times(30, open);
    expect(more.flatMap(({ errors }) => errors).map(({ extensions }) => extensions.code)).toContain('RATE_LIMITED');
    await alice.close();
  });

  it('a flood is closed with 4429', async () => {
    const alice = await service.connect('alice');
    void times(300, () => alice.query(SEND).catch(() => null));
    await eventually(() => expect(alice.closes[0]?.code).toBe(4429));
  });

  it('repeated subscriptions over the cap are closed with 4429; other requests are not', async () => {
    const erin = await service.connect('erin');
    const open = () => erin.subscribe('subscription { messageReceived { id } }').catch(() => null);
    await times(LIMITS.subscriptionsPerSocket, open);
    const refused = await times(LIMITS.refusalsPerConnection, open);
    expect(new Set(refused.flatMap((each) => each?.errors.map(({ extensions }) => extensions.code)))).toEqual(
      new Set(['BAD_USER_INPUT']),
    );
    expect(await erin.query('{ viewer { id } }')).toEqual({ data: { viewer: { id: 'erin' } } });
    expect(erin.closes).toEqual([]);
    void open();
    await eventually(() => expect(erin.closes[0]?.code).toBe(4429));
  });

  it('a long append also counts as a message', async () => {
    const { data } = await service.query('frank', 'mutation { openDirectConversation(userId: "bob") { id } }');
    const start = 'mutation ($c: ID!) { startMessage(input: {conversationId: $c, content: ""}) { id } }';
    const started = await service.query('frank', start, { c: data.openDirectConversation.id });
    const { id } = started.data.startMessage;
    const append =
      'mutation ($id: ID!, $p: JSON) { appendToMessage(id: $id, offset: 0, text: "", payload: $p) { length } }';
    const sizes = (p: object) => times(30, () => service.query('frank', append, { id, p }));
    const long = await sizes({ filling: 'x'.repeat(LIMITS.shortAppendCharacters) });
    expect(long.map(code).filter((each) => each !== 'OK')).toEqual(['RATE_LIMITED']);
    expect((await sizes({ filling: 'x' })).map(code).filter((each) => each !== 'OK')).toEqual([]);
  });

  it('an append to a finished message, and a repeated finish, also count as a message', async () => {
    const { data } = await service.query('fay', 'mutation { openDirectConversation(userId: "bob") { id } }');
    const start = 'mutation ($c: ID!) { startMessage(input: {conversationId: $c, content: "ended"}) { id } }';
    const started = await service.query('fay', start, { c: data.openDirectConversation.id });
    const { id } = started.data.startMessage;
    const append = 'mutation ($id: ID!) { appendToMessage(id: $id, offset: 5, text: "x") { length } }';
    const finish = 'mutation ($id: ID!) { finishMessage(id: $id) { id } }';
    expect(code(await service.query('fay', finish, { id }))).toBe('OK');
    const codes = [
      ...(await times(15, () => service.query('fay', append, { id }))).map(code),
      ...(await times(15, () => service.query('fay', finish, { id }))).map(code),
    ];
    expect(codes.filter((each) => each === 'CONFLICT')).toHaveLength(15);
    expect(codes.filter((each) => each === 'RATE_LIMITED')).toHaveLength(1);
  });

  it('R92: an uncached document is refused by the rate like a cached one', async () => {
    const padding = ' a'.repeat(5_000);
    const long = (n: number) => service.query('gina', `{ viewer { id } } # ${n}${padding}`);
    for (let n = 0; n < 100 && code(await long(n)) === 'OK'; n += 1);
    const token = await service.token('gina');
    const ask = (query: string, accept = 'application/graphql-response+json') =>
      fetch(`${service.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, accept },
        body: JSON.stringify({ query }),
      });
    for (const accept of ['application/graphql-response+json', 'application/json']) {
      const answer = await ask('{ viewer { id lastSeenAt } }', accept);
      const { errors } = (await answer.json()) as Data;
      const { retryAfterMs } = errors[0].extensions;
      expect([answer.status, code({ errors })]).toEqual([429, 'RATE_LIMITED']);
      expect(answer.headers.get('retry-after')).toBe(String(Math.ceil(retryAfterMs / 1_000)));
    }
  });

  it('the bytes of a body are counted, whatever its operation', async () => {
    const filling = Object.fromEntries(Array.from({ length: 40_000 }, (_, n) => [`unused${n}`, 0]));
    const strict = await startTestService({
      env: { RATE_LIMIT_ENABLED: 'true', MAX_QUERY_COST: '100' },
      clock: new StillClock(),
    });
    const ask = (variables?: object) => strict.query('hugo', '{ viewer { id } }', variables);
    expect(code(await ask())).toBe('OK');
    for (let n = 0; n < 30 && code(await ask(filling)) === 'OK'; n += 1);
    expect(code(await ask())).toBe('RATE_LIMITED');
    await strict.close();
  });

  it('a user may open thirty sockets a minute; the next is closed with 1013', async () => {
    const all = await times(31, () => service.connect('carol'));
    expect(all.flatMap(({ closes }) => closes.map((close) => close.code))).toEqual([1013]);
    expect(await metric(service.url, 'realtime_turned_away_total{reason="rate"}')).toBe(1);
    service.clock.advance(2_000);
    const next = await service.connect('carol');
    expect(next.closes).toEqual([]);
    for (const client of [...all, next]) await client.close();
  });

  it('the sockets of a user on a node have a cap, until one of them is closed', async () => {
    const capped = await startTestService({ env: { MAX_CONNECTIONS_PER_USER: '3' } });
    const open = await times(3, () => capped.connect('alice'));
    expect((await capped.connect('alice')).closes[0]?.code).toBe(1013);
    const bob = await capped.connect('bob');
    expect(bob.closes).toEqual([]);
    await open[0]?.close();
    const next = await eventually(async () => {
      const client = await capped.connect('alice');
      expect(client.closes).toEqual([]);
      return client;
    });
    for (const client of [...open, bob, next]) await client.close();
    await capped.close();
  });

  it('RATE_LIMIT_ENABLED=false limits nothing', async () => {
    const free = await startTestService({ env: { RATE_LIMIT_ENABLED: 'false' } });
    await free.query('alice', CREATE);
    const alice = await free.connect('alice');
    expect(new Set((await times(200, () => alice.query(SEND))).map(code))).toEqual(new Set(['OK']));
    await alice.close();
    await free.close();
  });
});
