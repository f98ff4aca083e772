/** Gateways are told in words: each end, by each way, to a proven gateway and to anyone else. */
import { LIMITS, TIMES } from '../../src/limits.ts';
import { startCallbackRouter } from '../support/callback-router.ts';
import { eventually } from '../support/eventually.ts';
import { openStream } from '../support/http-stream.ts';
import { manyTimes } from '../support/many-times.ts';
import { callbackEndpoint, closeCallbackEndpoint, PLAYS, type Played, type Told } from '../support/played-routers.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';
import { openSocket } from '../support/socket.ts';
import { StillClock } from '../support/still-clock.ts';
import type { MovableClock } from '../support/test-clock.ts';

const GATEWAY = 'a-secret-of-the-gateway';
const RECEIVED =
  'subscription ($ids: [ID!], $after: [ID!]) { messageReceived(conversationIds: $ids, after: $after) { content } }';
const WAYS = Object.entries(PLAYS);

/** Code, reason and whether there is a wait: what a client acts on. */
const wordsOf = ({ errors }: Told): string[] =>
  errors.map(({ extensions: { code, reason, retryAfterMs } }: Data) =>
    [code, reason, retryAfterMs === undefined ? undefined : 'later'].filter(Boolean).join(' '),
  );

async function start(
  env: Record<string, string> = {},
  clock?: MovableClock,
): Promise<{ service: TestService; id: string }> {
  const service = await startTestService({
    ...(clock ? { clock } : {}),
    env: { GATEWAY_SECRET: GATEWAY, CALLBACK_ALLOWED_URLS: (await callbackEndpoint()).url, ...env },
  });
  const id = newId();
  await service.query('alice', 'mutation ($id: ID!) { createConversation(input: { id: $id }) { id } }', { id });
  return { service, id };
}

/** Waits for the end, and tells it as `UNAUTHENTICATED EXPIRED, then 4403`. */
async function endOf(played: Played): Promise<string> {
  await eventually(() => expect(played.told.end).not.toBeNull());
  const { status, end } = played.told;
  const words = wordsOf(played.told);
  const last = status !== null && status !== 200 ? status : end;
  return [...words, `then ${last}`].join(', ');
}

/** How a stream or a socket ends by itself, once all is said. */
const END: Readonly<Record<string, 'whole' | 'socket'>> = {
  'Cosmo, sse_post': 'whole',
  'Hive Router, http': 'whole',
  callback: 'whole',
};

describe('told in words', () => {
  let service: TestService;
  let id: string;
  beforeAll(async () => {
    ({ service, id } = await start());
  });
  afterAll(async () => {
    await service.close();
    await closeCallbackEndpoint();
  });

  const expired = () => service.token('alice', { expiresAt: Math.floor(service.clock.now() / 1_000) - 3_600 });
  const STARTS = [
    ['no token', async () => null, 'MISSING', 4401],
    ['a bad token', async () => 'no.such.token', 'INVALID', 4401],
    ['an expired token', expired, 'EXPIRED', 4403],
  ] as const;

  describe.each(WAYS)('%s', (name, play) => {
    const isSocket = END[name] !== 'whole';

    it.each(STARTS)('%s: a gateway is told by the operation', async (_, token, reason, code) => {
      const played = await play(service, { token: await token(), secret: GATEWAY, query: RECEIVED });
      await eventually(() => expect(wordsOf(played.told)).toEqual([`UNAUTHENTICATED ${reason}`]));
      // A socket serves for more, and is closed when nothing is asked on it for a while.
      if (isSocket) {
        expect(played.told.end).toBeNull();
        service.clock.advance(TIMES.idleGatewayMs);
      }
      expect(await endOf(played)).toBe(`UNAUTHENTICATED ${reason}, then ${isSocket ? code : 'whole'}`);
    });

    it.each(STARTS)('%s: anyone else by the status or the close code', async (_, token, _reason, code) => {
      const played = await play(service, { token: await token(), secret: null, query: RECEIVED });
      if (isSocket) expect(await endOf(played)).toBe(`then ${code}`);
      else expect(played.told).toMatchObject({ status: 401, data: [] });
    });

    it.each([
      ['another’s conversation', { ids: ['not-there'] }, 'NOT_FOUND'],
      ['a position that is none', { after: ['nowhere'] }, 'BAD_USER_INPUT'],
      ['too many conversations', { ids: Array.from({ length: 101 }, (_, n) => `c${n}`) }, 'BAD_USER_INPUT'],
    ])('%s: everyone is told by the operation', async (_, variables, words) => {
      for (const secret of [GATEWAY, null]) {
        const token = await service.token('bob');
        const played = await play(service, { token, secret, query: RECEIVED, variables });
        await eventually(() => expect(wordsOf(played.told)).toEqual([words]));
        played.stop();
      }
    });

    it('the token expires: a gateway is told by the operation, everyone by the close code as well', async () => {
      const token = await service.token('alice', { expiresAt: Math.floor(service.clock.now() / 1_000) + 60 });
      const [ofGateway, ofOther] = await Promise.all(
        [GATEWAY, null].map((secret) => play(service, { token, secret, query: RECEIVED, variables: { ids: [id] } })),
      );
      service.clock.advance(60_000 + TIMES.clockToleranceMs + 1_000);
      const end = isSocket ? 'then 4403' : 'then whole';
      expect(await endOf(ofGateway as Played)).toBe(`UNAUTHENTICATED EXPIRED, ${end}`);
      expect(await endOf(ofOther as Played)).toBe(isSocket ? end : `UNAUTHENTICATED EXPIRED, ${end}`);
    });
  });

  it.each([
    [
      'SSE',
      'text/event-stream',
      (json: string) => `:\nretry: N\nevent: next\ndata: ${json}\n\nevent: complete\ndata:\n\n`,
    ],
    [
      'multipart',
      'multipart/mixed;subscriptionSpec="1.0", text/event-stream',
      (json: string) =>
        ['', '{}', `{"payload":${json}}`]
          .map((part) => (part ? `\r\ncontent-type: application/json\r\n\r\n${part}\r\n--graphql` : '\r\n--graphql'))
          .join('')
          .concat('--\r\n'),
    ],
  ])('%s: a refusal is a whole stream, byte for byte', async (_, accept, bytes) => {
    const stream = await openStream(service, null, { query: RECEIVED }, { accept, 'router-authorization': GATEWAY });
    await eventually(() => expect(stream.end).toBe('whole'));
    const extensions = { code: 'UNAUTHENTICATED', reason: 'MISSING' };
    expect(stream.text.replace(/(?<=retry: )\d+/, 'N')).toBe(
      bytes(JSON.stringify({ errors: [{ message: 'A token is required.', extensions }] })),
    );
    expect(stream.status).toBe(200);
  });

  it.each([
    ['a query', { query: '{ viewer { id } }' }],
    ['a mutation', { query: 'mutation { setTyping(conversationId: "c", isTyping: true) }' }],
    ['one whose body is large', { query: '{ viewer { id } }', variables: { large: 'x'.repeat(100_000) } }],
  ])('%s with a bad token: 200 to a gateway, with the error first; 401 to anyone else', async (_, body) => {
    const ask = async (secret: object) => {
      const headers = { 'content-type': 'application/json', authorization: 'Bearer no.such.token', ...secret };
      const response = await fetch(`${service.url}/graphql`, { method: 'POST', headers, body: JSON.stringify(body) });
      const { errors } = (await response.json()) as Data;
      return {
        status: response.status,
        code: errors[0].extensions.code,
        says: response.headers.get('www-authenticate'),
      };
    };
    const code = 'UNAUTHENTICATED';
    expect(await ask({ 'router-authorization': GATEWAY })).toEqual({ status: 200, code, says: null });
    expect(await ask({ 'router-authorization': 'another-secret-of-nobody' })).toMatchObject({ status: 401, code });
    expect(await ask({})).toEqual({ status: 401, code, says: 'Bearer error="invalid_token"' });
  });

  describe('a refused callback', () => {
    const ask = async (secret: object, callbackUrl: string, subscriptionId: string): Promise<number> => {
      const subscription = { callbackUrl, subscriptionId, verifier: 'v' };
      const headers = { accept: 'application/json;callbackSpec=1.0', ...secret };
      const body = { query: RECEIVED, extensions: { subscription } };
      const answer = await openStream(service, 'no.such.token', body, headers);
      await eventually(() => expect(answer.end).toBe('whole'));
      return answer.status;
    };

    it('calls nobody for who proved nothing, and nothing that is not allowed for a gateway', async () => {
      const router = await callbackEndpoint();
      const [known, told] = [newId(), newId()];
      expect(await ask({}, `${router.url}/callback`, known)).toBe(401);
      const elsewhere = await startCallbackRouter(() => 204);
      const gateway = { 'router-authorization': GATEWAY };
      expect(await ask(gateway, `${elsewhere.url}/callback`, known)).toBe(200);
      // Whoever is called is called in this order.
      expect(await ask(gateway, `${router.url}/callback`, told)).toBe(200);
      await eventually(() => expect(router.of('complete', told)).toHaveLength(1));
      expect([...elsewhere.messages, ...router.of('complete', known), ...router.of('check', known)]).toEqual([]);
      await elsewhere.close();
    });

    it('is told again to a router whose endpoint fails, and not to one that knows nothing of it', async () => {
      const router = await callbackEndpoint();
      const gateway = { 'router-authorization': GATEWAY };
      const [failing, forgotten] = [newId(), newId()];
      const answer = router.answer;
      router.answer = ({ body }) => {
        if (body.id === forgotten) return 404;
        return body.id === failing && router.of('complete', failing).length < 2 ? 503 : 204;
      };
      await ask(gateway, `${router.url}/callback`, forgotten);
      await ask(gateway, `${router.url}/callback`, failing);
      await eventually(() => expect(router.of('complete', failing)).toHaveLength(2));
      expect(router.of('complete', forgotten)).toHaveLength(1);
      router.answer = answer;
    });
  });

  it('a session is revoked: a gateway is told on its socket before the close', async () => {
    const begin = 'mutation { createSession(input: { deviceId: "phone" }) { accessToken session { id } } }';
    const { createSession } = (await service.query('carol', begin)).data;
    const played = await PLAYS['Cosmo, ws'](service, {
      token: createSession.accessToken,
      secret: GATEWAY,
      query: 'subscription { topicPublished(topics: ["t"]) { id } }',
    });
    await service.query('carol', 'mutation ($id: ID!) { revokeSession(id: $id) { id } }', {
      id: createSession.session.id,
    });
    expect(await endOf(played)).toBe('UNAUTHENTICATED REVOKED, then 4401');
  });
});

describe('told in words, when the service is at its end', () => {
  afterAll(() => closeCallbackEndpoint());

  const OTHERS: Readonly<Record<string, string>> = {
    'Cosmo, sse_post': 'SERVICE_UNAVAILABLE later, then broken',
    'Hive Router, http': 'SERVICE_UNAVAILABLE later, then whole',
    callback: 'SERVICE_UNAVAILABLE later, then whole',
  };

  it('it stops: a gateway is told by each operation', async () => {
    const { service, id } = await start();
    const token = await service.token('alice');
    const open = (secret: string | null) =>
      Promise.all(WAYS.map(([, play]) => play(service, { token, secret, query: RECEIVED, variables: { ids: [id] } })));
    const [ofGateway, ofOthers] = [await open(GATEWAY), await open(null)];
    const closed = service.close();
    const ends = async (all: readonly Played[]) =>
      Object.fromEntries(await Promise.all(all.map(async (played, n) => [WAYS[n]?.[0], await endOf(played)])));
    const end = (name: string): string => `SERVICE_UNAVAILABLE later, then ${END[name] ?? 1012}`;
    expect(await ends(ofGateway)).toEqual(Object.fromEntries(WAYS.map(([name]) => [name, end(name)])));
    expect(await ends(ofOthers)).toEqual(Object.fromEntries(WAYS.map(([name]) => [name, OTHERS[name] ?? 'then 1012'])));
    await closed;
  });

  it('it has no room: a gateway that proved itself in its request is told by the operation', async () => {
    const { service } = await start({ MAX_CONNECTIONS: '1' });
    const taken = await service.connect('bob');
    const token = await service.token('alice');
    for (const [name, play] of WAYS) {
      const played = await play(service, { token, secret: GATEWAY, query: RECEIVED });
      // What proves itself in `connection_init` is nobody before it.
      if (name === 'Hive Router, websocket') expect(await endOf(played)).toBe('then 1013');
      else await eventually(() => expect(wordsOf(played.told)).toEqual(['SERVICE_UNAVAILABLE later']));
      played.stop();
    }
    await taken.close();
    await service.close();
  });

  it('its reader is too slow: a gateway is told so on its socket before the close', async () => {
    // A socket is not waited for for long, and it takes its time here.
    const { service } = await start({ MAX_QUEUED_BYTES: '64KiB' }, new StillClock());
    const headers = { 'router-authorization': GATEWAY };
    const { socket, frames, frame, send, closed } = await openSocket(service.wsUrl, ['graphql-transport-ws'], headers);
    send({ type: 'connection_init', payload: { token: await service.token('alice') } });
    await frame(0);
    send({
      id: 'slow',
      type: 'subscribe',
      payload: { query: `subscription { topicPublished(topics: ["t"]) { ${manyTimes('payload')} } }` },
    });
    send({ type: 'ping' });
    await frame(1);
    socket.pause();
    const query = 'mutation ($payload: JSON!) { publish(topic: "t", payload: $payload) { id } }';
    const payload = 'x'.repeat(30_000);
    // How much the kernel takes for who does not read is nobody's promise.
    await eventually(async () => {
      await Promise.all(Array.from({ length: 5 }, () => service.query('alice', query, { payload })));
      const metrics = await (await fetch(`${service.url}/metrics`)).text();
      expect(metrics).toMatch(/realtime_subscriptions\{transport="graphql_ws"\} 0/);
    });
    socket.resume();
    expect(await closed).toBe(1013);
    expect(frames.at(-1)).toMatchObject({
      id: 'slow',
      type: 'error',
      payload: [{ extensions: { code: 'SERVICE_UNAVAILABLE', reason: 'SLOW_READER', retryAfterMs: 1_000 } }],
    });
    await service.close();
  });

  it('a node that drains lets a gateway in to tell it so, and nobody else', async () => {
    const { service } = await start({ DRAIN_WINDOW: '10s' }, new StillClock());
    const token = await service.token('alice');
    // The first goes at once, the other half a window later.
    const guests = [await service.connect('alice'), await service.connect('alice')];
    let isClosed = false;
    const closing = service.close().then(() => {
      isClosed = true;
    });
    const headers = { 'router-authorization': GATEWAY };
    for (const other of [{}, { 'router-authorization': 'another' }]) {
      const socket = openSocket(service.wsUrl, ['graphql-transport-ws'], other);
      await expect(socket).rejects.toThrow('503');
    }
    const gateway = await openSocket(service.wsUrl, ['graphql-transport-ws'], headers);
    gateway.send({ type: 'connection_init', payload: { token } });
    gateway.send({ id: 'late', type: 'subscribe', payload: { query: RECEIVED } });
    expect(await gateway.frame(1)).toMatchObject({ id: 'late', type: 'error' });
    expect(wordsOf({ errors: gateway.frames[1].payload } as Told)).toEqual(['SERVICE_UNAVAILABLE later']);
    await eventually(() => {
      service.clock.advance(1_000);
      expect(gateway.socket.readyState).toBe(gateway.socket.CLOSED);
    });
    await eventually(() => {
      service.clock.advance(1_000);
      expect(isClosed).toBe(true);
    });
    await closing;
    await Promise.all(guests.map((guest) => guest.close()));
  });
});

describe('what counts by socket for a client counts by user for a gateway', () => {
  const subscribe = (n: number) => ({
    id: `${n}`,
    type: 'subscribe',
    payload: { query: 'subscription { topicPublished(topics: ["t"]) { id } }' },
  });

  it('two sockets’ worth of subscriptions on one, and no more on another', async () => {
    const { service } = await start({ MAX_CONNECTIONS_PER_USER: '2', RATE_LIMIT_ENABLED: 'true' });
    const connect = async (userId: string) => {
      const headers = { 'router-authorization': GATEWAY };
      const raw = await openSocket(service.wsUrl, ['graphql-transport-ws'], headers);
      raw.send({ type: 'connection_init', payload: { token: await service.token(userId) } });
      await raw.frame(0);
      return raw;
    };
    const most = 2 * LIMITS.subscriptionsPerSocket;
    const [one, other, ofBob] = [await connect('alice'), await connect('alice'), await connect('bob')];
    for (let n = 1; n <= most; n += 1) one.send(subscribe(n));
    one.send({ type: 'ping' });
    await eventually(() => expect(one.frames.at(-1).type).toBe('pong'));
    expect(one.frames.map(({ type }) => type)).toEqual(['connection_ack', 'pong']);
    other.send(subscribe(most + 1));
    await other.frame(1);
    expect(wordsOf({ errors: other.frames[1].payload.errors ?? other.frames[1].payload } as Told)[0]).toMatch(
      /^(RATE_LIMITED|SERVICE_UNAVAILABLE) later$/,
    );
    ofBob.send(subscribe(1));
    ofBob.send({ type: 'ping' });
    expect((await ofBob.frame(1)).type).toBe('pong');
    // More than a user may open in a minute, or have at once.
    const more = await Promise.all(Array.from({ length: 40 }, () => connect('carol')));
    expect(more.map(({ frames }) => frames[0].type)).toEqual(Array(40).fill('connection_ack'));
    for (const { socket } of [one, other, ofBob, ...more]) socket.terminate();
    await service.close();
    await closeCallbackEndpoint();
  });
});
