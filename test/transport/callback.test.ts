/** The HTTP callback protocol 1.0, with a router's endpoint that works and one that fails. */
import { TIMES } from '../../src/limits.ts';
import { CallbackRefusals } from '../../src/transport/streams/callback-endpoint.ts';
import { IS_FULL } from '../faults/settings.ts';
import {
  apolloRouter,
  type CallbackMessage,
  type CallbackRouter,
  startCallbackRouter,
} from '../support/callback-router.ts';
import { eventually } from '../support/eventually.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';
import { StillClock } from '../support/still-clock.ts';

const RECEIVED = `subscription ($ids: [ID!]) { messageReceived(conversationIds: $ids) { content } }`;
const ACCEPT = 'application/json;callbackSpec=1.0';
/** Subscriptions whose endpoint went silent. */
const SILENT = IS_FULL ? 250 : 100;

describe('HTTP callback', () => {
  let router: CallbackRouter;
  let service: TestService;
  let clock: StillClock;
  let id: string;
  beforeEach(async () => {
    router = await startCallbackRouter();
    clock = new StillClock();
    const env = { CALLBACK_ALLOWED_URLS: `${router.url}/callback`, MAX_QUEUED_BYTES: '64KiB' };
    service = await startTestService({ env, clock });
    id = newId();
    const create = 'mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id } }';
    await service.query('alice', create, { input: { id, name: 'Callbacks', memberIds: ['bob'] } });
  });
  afterEach(async () => {
    await service.close();
    await router.close();
  });

  const send = async (content: string): Promise<void> => {
    const text = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id } }';
    const { errors } = await service.query('alice', text, { input: { conversationId: id, content } });
    if (errors) throw new Error(JSON.stringify(errors));
  };
  async function subscribe(subscription: object = {}, request: object = {}, accept = ACCEPT, token?: string) {
    const subscriptionId = newId();
    const callbackUrl = `${router.url}/callback/${subscriptionId}`;
    const extensions = {
      subscription: { callbackUrl, subscriptionId, verifier: 'v', heartbeatIntervalMs: 0, ...subscription },
    };
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept,
        authorization: `Bearer ${token ?? (await service.token('bob'))}`,
      },
      body: JSON.stringify({ query: RECEIVED, variables: { ids: [id] }, extensions, ...request }),
    });
    const body = (await response.json()) as Data;
    return { id: subscriptionId, status: response.status, body, code: body.errors?.[0]?.extensions.code };
  }
  const contents = (of: string): string[] =>
    router.of('next', of).map(({ payload }) => payload.data.messageReceived.content);
  async function open(): Promise<number> {
    const text = await (await fetch(`${service.url}/metrics`)).text();
    return Number(/^realtime_connections\{transport="callback"\} (\d+)$/m.exec(text)?.[1] ?? 0);
  }

  it('sends a check before it answers, then each event in order, and the protocol with every message', async () => {
    const subscription = await subscribe();
    expect(subscription).toMatchObject({ status: 200, body: { data: null } });
    expect(router.of('check')).toEqual([{ kind: 'subscription', action: 'check', id: subscription.id, verifier: 'v' }]);
    for (let n = 1; n <= 20; n += 1) await send(String(n));
    await eventually(() =>
      expect(contents(subscription.id)).toEqual(Array.from({ length: 20 }, (_, n) => String(n + 1))),
    );
    expect(router.of('next')[0]).toMatchObject({ kind: 'subscription', id: subscription.id, verifier: 'v' });
    for (const { headers, path } of router.messages) {
      expect(headers['subscription-protocol']).toBe('callback/1.0');
      expect(headers['content-type']).toBe('application/json');
      expect(path).toBe(`/callback/${subscription.id}`);
    }
  });

  it('G10: concurrent subscriptions do not exceed MAX_CONNECTIONS, also when routers answer slowly', async () => {
    await service.close();
    const env = { CALLBACK_ALLOWED_URLS: `${router.url}/callback`, MAX_CONNECTIONS: '2' };
    service = await startTestService({ env });
    await service.query('bob', `mutation { createConversation(input: {id: "${id}"}) { id } }`);
    const answers = await Promise.all(Array.from({ length: 6 }, () => subscribe()));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 503, 503, 503, 503]);
    expect(await open()).toBe(2);
  });

  it('accepts the Accept headers of routers: appended, and with a charset', async () => {
    expect((await subscribe({}, {}, `application/json, ${ACCEPT}`)).body).toEqual({ data: null });
    expect((await subscribe({}, {}, `${ACCEPT}; charset=utf-8`)).body).toEqual({ data: null });
  });

  it('sends checks at half the interval, and ends when the router answers 404', async () => {
    const { id: subscriptionId } = await subscribe({ heartbeatIntervalMs: 5_000 });
    const atRest = clock.pending;
    for (let beat = 1; beat <= 3; beat += 1) {
      clock.advance(2_500);
      await eventually(() => expect(router.of('check', subscriptionId)).toHaveLength(1 + beat));
      // Its answer has come: one that is still on its way would be given up with the period.
      await eventually(() => expect(clock.pending).toBe(atRest));
    }
    router.answer = () => 404;
    clock.advance(2_500);
    await eventually(async () => expect(await open()).toBe(0));
  });

  it('G05: a short failure of the endpoint loses no event', async () => {
    const subscription = await subscribe();
    let failures = 0;
    router.answer = ({ body }) => {
      if (body.payload?.data.messageReceived.content !== '2' || failures === 3) return 200;
      failures += 1;
      return 503;
    };
    for (const content of ['1', '2', '3']) await send(content);
    await eventually(() => {
      service.clock.advance(1_000);
      expect(contents(subscription.id)).toEqual(['1', '2', '2', '2', '2', '3']);
    });
  });

  it('W80, W82: completes with the reason on loss of access, on expiry of the token, and on a drain', async () => {
    const removed = await subscribe();
    await service.query('alice', 'mutation ($id: ID!) { removeMember(id: $id, userId: "bob") { id } }', { id });
    const reason = async (of: string): Promise<string> =>
      eventually(() => {
        const [complete] = router.of('complete', of);
        return complete.errors[0].extensions.code;
      });
    expect(await reason(removed.id)).toBe('FORBIDDEN');
    await service.query('alice', 'mutation ($id: ID!) { addMembers(id: $id, userIds: ["bob"]) { id } }', { id });
    const expired = await subscribe();
    service.clock.advance(3_600_000 + TIMES.clockToleranceMs);
    expect(await reason(expired.id)).toBe('UNAUTHENTICATED');
    const drained = await subscribe();
    await service.close();
    expect(await reason(drained.id)).toBe('SERVICE_UNAVAILABLE');
  });

  it.each([
    ['outside the list', (to: string) => `${to}/other`, 403, 'FORBIDDEN'],
    ['with only the same beginning', (to: string) => `${to}/callbacks/1`, 403, 'FORBIDDEN'],
    ['with `..` segments', (to: string) => `${to}/callback/../other`, 403, 'FORBIDDEN'],
    ['of another port', () => 'http://127.0.0.1:1/callback/1', 403, 'FORBIDDEN'],
    ['of a private address', () => 'http://10.0.0.1/callback/1', 403, 'FORBIDDEN'],
    ['of the metadata service', () => 'http://169.254.169.254/callback/1', 403, 'FORBIDDEN'],
    ['with a user name', (to: string) => `${to.replace('//', '//a:b@')}/callback/1`, 403, 'FORBIDDEN'],
    ['of a file', () => 'file:///callback/1', 403, 'FORBIDDEN'],
    ['that is malformed', () => 'callback', 400, 'BAD_USER_INPUT'],
  ])('refuses a URL %s, and calls nothing', async (_, url, status, code) => {
    expect(await subscribe({ callbackUrl: url(router.url) })).toMatchObject({ status, code });
    expect(router.messages).toEqual([]);
    expect(await open()).toBe(0);
  });

  it.each([
    ['refuses the verifier', 401],
    ['does not know the subscription', 404],
    ['fails', 500],
    ['redirects', 302],
  ])('a router that %s at the check gets no subscription', async (_, status) => {
    router.answer = () => status;
    expect(await subscribe()).toMatchObject({ status: 400, code: 'BAD_USER_INPUT' });
    expect(router.messages).toHaveLength(1);
    expect(await open()).toBe(0);
  });

  it('an invalid operation is answered with its error, without a subscription', async () => {
    expect((await subscribe({}, { variables: { ids: ['elsewhere'] } })).code).toBe('NOT_FOUND');
    expect((await subscribe({}, { query: 'subscription { nonsense }' })).code).toBe('GRAPHQL_VALIDATION_FAILED');
    for (const extensions of [{}, null, undefined])
      expect((await subscribe({}, { extensions })).code).toBe('BAD_USER_INPUT');
    await eventually(async () => expect(await open()).toBe(0));
  });

  it('G10: refusals that a router does not take are retried for a while, and no more than their cap at once', async () => {
    // Nothing else waits by it.
    const own = new StillClock();
    const refusals = new CallbackRefusals(own, 2);
    const errors = [{ message: 'No.' }];
    const tell = (subscriptionId: string): Promise<void> =>
      refusals.report(
        { callbackUrl: `${router.url}/callback`, subscriptionId, verifier: 'v', heartbeatIntervalMs: 0 },
        errors,
      );
    const told = (of: string): number => router.of('complete', of).length;
    router.answer = () => 503;
    const pending = [tell('one'), tell('two')];
    let isSkipped = false;
    void tell('over').then(() => (isSkipped = true));
    await eventually(() => expect(isSkipped).toBe(true));
    await eventually(() => expect([told('one'), told('two'), own.pending]).toEqual([1, 1, 2]));
    expect(router.of('complete', 'one')[0]).toMatchObject({ errors, verifier: 'v' });
    router.answer = ({ body }) => (body.id === 'one' ? 202 : 503);
    const begun = own.elapsed();
    own.advance(100);
    let isTaken = false;
    void pending[0]?.then(() => (isTaken = true));
    await eventually(() => expect([isTaken, told('one'), told('over')]).toEqual([true, 2, 0]));
    // There is room for one again.
    router.answer = ({ body }) => (body.id === 'three' ? 404 : 503);
    void tell('three');
    await eventually(() => expect(told('three')).toBe(1));
    let isGivenUp = false;
    void pending[1]?.then(() => (isGivenUp = true));
    await eventually(() => {
      own.advance(100);
      expect(isGivenUp).toBe(true);
    });
    expect(own.elapsed() - begun).toBeGreaterThan(TIMES.callbackMs / 2);
    expect(told('two')).toBeLessThan(20);
  });

  it('G08: after a revocation no pending event is sent again, only the completion', async () => {
    const create = 'mutation { createSession(input: {deviceId: "p"}) { accessToken session { id } } }';
    const { accessToken, session } = (await service.query('bob', create)).data.createSession;
    const subscription = await subscribe({}, {}, ACCEPT, accessToken);
    router.answer = ({ body }) => (body.action === 'next' ? 503 : apolloRouter({ body } as CallbackMessage));
    for (const content of ['one', 'two']) await send(content);
    await eventually(() => expect(contents(subscription.id)).toContain('one'));
    await service.query('bob', 'mutation ($id: ID!) { revokeSession(id: $id) { id } }', { id: session.id });
    await eventually(() => {
      service.clock.advance(100);
      expect(router.of('complete', subscription.id)).toMatchObject([
        { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] },
      ]);
    });
    expect(contents(subscription.id)).not.toContain('two');
    expect(router.messages.at(-1)?.body.action).toBe('complete');
  });

  it('a router that answers 429 is retried and not given up', async () => {
    const subscription = await subscribe();
    let answers = 0;
    router.answer = (message) => (message.body.action === 'next' && answers++ < 2 ? 429 : apolloRouter(message));
    await send('patience');
    await eventually(() => {
      service.clock.advance(1_000);
      expect(contents(subscription.id)).toEqual(['patience', 'patience', 'patience']);
    });
    expect(await open()).toBe(1);
  });

  it.each([
    ['fails', 503],
    ['is not answered', 'silence'],
  ] as const)('a check that %s is sent again at once, before the next period', async (_, answer) => {
    const { id: own } = await subscribe({ heartbeatIntervalMs: 5_000 });
    const checks = (): number => router.of('check', own).length;
    const before = checks();
    router.answer = (message) => (checks() === before + 1 ? answer : apolloRouter(message));
    clock.advance(2_500);
    await eventually(() => expect(checks()).toBe(before + 1));
    // Hive Router gives a subscription up 6 s after the last check that it took: this is 5 s after it.
    if (answer === 'silence') clock.advance(2_500);
    await eventually(() => expect(clock.isDueIn(100)).toBe(true));
    clock.advance(100);
    await eventually(() => expect(checks()).toBe(before + 2));
    expect(await open()).toBe(1);
  });

  it('a router that accepts no check for five periods is given up; an accepted check resets the count', async () => {
    const { id: own } = await subscribe({ heartbeatIntervalMs: 1_000 });
    const before = router.of('check', own).length;
    const beats = (): number => router.of('check', own).length - before;
    let takenAt = 0;
    router.answer = (message) => {
      if (message.body.action !== 'check') return apolloRouter(message);
      if (beats() !== 4) return 503;
      takenAt = service.clock.offset();
      return 204;
    };
    await eventually(async () => {
      service.clock.advance(100);
      expect(await open()).toBe(0);
    });
    expect(service.clock.offset() - takenAt).toBeGreaterThanOrEqual(2_500);
    expect(router.of('complete', own)).toEqual([]);
  });

  it('a router that is gone is noticed, also without heartbeats', async () => {
    await subscribe({ heartbeatIntervalMs: 0 });
    router.answer = (message) => (message.body.action === 'check' ? 503 : apolloRouter(message));
    await eventually(async () => {
      service.clock.advance(TIMES.callbackCheckMs);
      expect(await open()).toBe(0);
    });
  });

  it('G15: an unreachable router does not delay a drain, also when its subscription was ending', async () => {
    const { id: own } = await subscribe();
    router.answer = () => 503;
    await service.query('alice', 'mutation ($id: ID!) { removeMember(id: $id, userId: "bob") { id } }', { id });
    await eventually(() => expect(router.of('complete', own).length).toBeGreaterThan(0));
    const before = service.clock.offset();
    let isClosed = false;
    void service.close().then(() => {
      isClosed = true;
    });
    await eventually(() => {
      service.clock.advance(100);
      expect(isClosed).toBe(true);
    });
    // Not as long as it is tried again while nobody waits for it.
    expect(service.clock.offset() - before).toBeLessThan(TIMES.callbackRetryMs);
  });

  it(`G10: ${SILENT} subscriptions at a silent endpoint stay within their cap, and end by themselves`, async () => {
    const subscriptions = await Promise.all(
      Array.from({ length: SILENT }, () => subscribe({ heartbeatIntervalMs: 5_000 })),
    );
    expect(subscriptions.map(({ status }) => status)).toEqual(Array(SILENT).fill(200));
    router.answer = ({ body }) => (body.action === 'complete' ? 202 : 'silence');
    for (let n = 0; n < 12; n += 1) await send('x'.repeat(7_900));
    await eventually(async () => {
      service.clock.advance(1_000);
      expect(await open()).toBe(0);
    });
  });
});
