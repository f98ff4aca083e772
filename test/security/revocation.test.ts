/** Revoked tokens, and sessions, which have no more rights than the platform gave (contract section 3). */
import { createHmac } from 'node:crypto';
import { isRefused } from '../../src/access/revocation.ts';
import type { Viewer } from '../../src/model.ts';
import { connectClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { openStream } from '../support/http-stream.ts';
import { captureLog } from '../support/log.ts';
import { LONG_SETTINGS, type Nodes, startNodes } from '../support/nodes.ts';
import { connectRaw } from '../support/raw-client.ts';
import { type Data, SECRET, startTestService, type TestService, type TokenClaims } from '../support/service.ts';
import { openSocket } from '../support/socket.ts';
import { StillClock } from '../support/still-clock.ts';

const BEGIN = 'mutation { createSession(input: {deviceId: "phone"}) { session { id } accessToken refreshToken } }';
const REFRESH = 'mutation ($token: String!) { refreshSession(refreshToken: $token) { accessToken refreshToken } }';
const REVOKE = 'mutation ($id: ID!) { revokeUser(userId: $id) }';
const ADMIN = { scope: 'realtime:admin' };

/** Signs whatever it is given, as whoever knows the platform's secret could. */
function sign(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256' })}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

it('after a revocation, a token issued in the same second or without `iat` is refused', () => {
  const issued = (issuedAt: number | null): Viewer => ({ issuedAt }) as Viewer;
  const refused = [4_000, 5_000, 6_000, null].map((issuedAt) => isRefused(issued(issuedAt), 5_001, 9_000));
  expect(refused).toEqual([true, true, false, true]);
  expect(isRefused(issued(null), null, 9_000)).toBe(false);
});

it('after a revocation, a token with a future `iat` is refused within the clock tolerance', () => {
  const issued = (issuedAt: number): Viewer => ({ issuedAt }) as Viewer;
  const refused = [35_000, 36_000].map((issuedAt) => isRefused(issued(issuedAt), 5_001, 9_000));
  expect(refused).toEqual([true, false]);
  expect(isRefused(issued(35_000), 5_001, 35_000)).toBe(false);
});

describe.each(LONG_SETTINGS)('tokens: %s', (setting) => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await startNodes(setting, { CLIENT_TIMEOUT: '2000h', HEARTBEAT_INTERVAL: '1000h', SESSION_MAX_AGE: '40d' });
  });
  afterAll(() => nodes.close());

  async function ask(service: TestService, token: string | null, query: string, variables: object = {}): Promise<Data> {
    const headers = { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) };
    const body = JSON.stringify({ query, variables });
    const answer = (await (await fetch(`${service.url}/graphql`, { method: 'POST', headers, body })).json()) as Data;
    const { code, reason } = answer.errors?.[0]?.extensions ?? {};
    return { data: answer.data, code, reason };
  }
  const seconds = (): number => Math.floor(nodes.clock.now() / 1_000);
  const begin = async (userId: string, claims: TokenClaims = {}): Promise<Data> =>
    (await ask(nodes.here, await nodes.here.token(userId, claims), BEGIN)).data.createSession;
  const revoke = async (userId: string, claims: TokenClaims = ADMIN): Promise<Data> =>
    ask(nodes.here, await nodes.here.token('root', claims), REVOKE, { id: userId });

  it('G08: revokeUser closes everything of a user on every node, and refuses their earlier tokens', async () => {
    const token = await nodes.here.token('ann');
    const { accessToken, refreshToken } = await begin('ann');
    const sockets = [await connectClient(nodes.there.wsUrl, token), await connectClient(nodes.here.wsUrl, accessToken)];
    const raw = await connectRaw(nodes.there, 'ann');
    const other = await nodes.there.connect('bob');
    const stream = await openStream(
      nodes.there,
      token,
      { query: 'subscription { messageReceived { id } }' },
      { accept: '*/*' },
    );
    expect((await revoke('ann')).data.revokeUser).toBe(1);
    for (const { closes } of sockets)
      await eventually(() => expect(closes[0]).toEqual({ code: 4401, reason: 'REVOKED' }));
    expect(await raw.closed).toBe(4401);
    await eventually(() => expect(stream.text).toContain('"reason":"REVOKED"'));
    for (const each of [token, accessToken]) {
      expect(await ask(nodes.there, each, '{ viewer { id } }')).toMatchObject({
        code: 'UNAUTHENTICATED',
        reason: 'REVOKED',
      });
    }
    expect(await ask(nodes.there, null, REFRESH, { token: refreshToken })).toMatchObject({ reason: 'REVOKED' });
    expect((await connectClient(nodes.there.wsUrl, token)).closes[0]).toEqual({ code: 4401, reason: 'REVOKED' });
    const silent = sign({ sub: 'ann', exp: seconds() + 3_600 });
    expect(await ask(nodes.here, silent, '{ viewer { id } }')).toMatchObject({ reason: 'REVOKED' });
    nodes.clock.advance(1_000);
    expect((await ask(nodes.there, await nodes.here.token('ann'), '{ viewer { id } }')).data.viewer.id).toBe('ann');
    expect((await begin('ann')).accessToken).toBeDefined();
    expect(other.closes).toEqual([]);
    await other.close();
  });

  it('no token issued in the future survives revokeUser, and none over 30 s ahead is accepted', async () => {
    const [iat, exp] = [seconds(), seconds() + 3_600];
    const claims = { sub: 'gus', exp };
    const far = [
      (now: number) => ({ iat: now + 31 }),
      (now: number) => ({ iat: now + 3_000 }),
      (now: number) => ({ iat: now, nbf: now + 31 }),
      () => ({ iat: 1e300 }),
    ];
    // On a busy machine a second passes on the way, and it is not as far ahead any more.
    for (const ahead of far)
      await eventually(async () => {
        const answer = await ask(nodes.here, sign({ ...claims, ...ahead(seconds()) }), '{ viewer { id } }');
        expect(answer).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'INVALID' });
      });
    const near = sign({ ...claims, iat: iat + 29, nbf: iat + 29 });
    expect((await ask(nodes.here, near, '{ viewer { id } }')).data.viewer.id).toBe('gus');
    const socket = await connectClient(nodes.there.wsUrl, near);
    await revoke('gus');
    await eventually(() => expect(socket.closes[0]).toEqual({ code: 4401, reason: 'REVOKED' }));
    expect(await ask(nodes.there, near, '{ viewer { id } }')).toMatchObject({ reason: 'REVOKED' });
    expect(await ask(nodes.there, near, BEGIN)).toMatchObject({ reason: 'REVOKED' });
  });

  it('revokeUser is for admins and services of the tenant, and affects no other tenant', async () => {
    expect((await revoke('bob', {})).code).toBe('FORBIDDEN');
    expect((await revoke('b b', ADMIN)).code).toBe('BAD_USER_INPUT');
    expect((await revoke('bob', { ...ADMIN, tenant: 'other' })).data.revokeUser).toBe(0);
    expect((await ask(nodes.there, await nodes.here.token('bob'), '{ viewer { id } }')).code).toBeUndefined();
    expect((await revoke('bob', { scope: 'realtime:service' })).data.revokeUser).toBe(0);
    expect((await ask(nodes.there, await nodes.here.token('bob'), '{ viewer { id } }')).reason).toBe('REVOKED');
  });

  it('a session has only a user’s rights, creates no other session, and ends at its maximum age', async () => {
    const scope = 'realtime:admin realtime:service other';
    const first = await begin('cid', { scope, expiresAt: seconds() + 60 });
    const claims = JSON.parse(Buffer.from(first.accessToken.split('.')[1], 'base64url').toString());
    expect(claims).toMatchObject({ iss: 'realtime-communication', sub: 'cid', sid: first.session.id, scope: 'other' });
    expect(await ask(nodes.there, first.accessToken, '{ routingRules { id } }')).toMatchObject({ code: 'FORBIDDEN' });
    expect(await ask(nodes.there, first.accessToken, BEGIN)).toMatchObject({ code: 'FORBIDDEN' });
    let { refreshToken } = first;
    for (const days of [20, 19]) {
      nodes.clock.advance(days * 86_400_000);
      ({ refreshToken } = (await ask(nodes.here, null, REFRESH, { token: refreshToken })).data.refreshSession);
    }
    nodes.clock.advance(86_400_000);
    expect(await ask(nodes.here, null, REFRESH, { token: refreshToken })).toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('tokens of the platform and of sessions differ in issuer and key', async () => {
    const { accessToken, session } = await begin('dan');
    const exp = seconds() + 3_600;
    const posing = sign({ sub: 'dan', exp, iss: 'realtime-communication', sid: session.id });
    expect(await ask(nodes.here, posing, '{ viewer { id } }')).toMatchObject({ reason: 'INVALID' });
    const [header, body, signature] = accessToken.split('.');
    const claims = { ...JSON.parse(Buffer.from(body, 'base64url').toString()), iss: 'platform' };
    const changed = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`;
    expect(await ask(nodes.here, changed, '{ viewer { id } }')).toMatchObject({ reason: 'INVALID' });
    // A `sid` of the platform's is not ours, even if it is the same.
    const theirs = await nodes.here.token('dan', { sessionId: session.id });
    const current = `{ session(id: "${session.id}") { current } }`;
    expect((await ask(nodes.here, theirs, current)).data.session.current).toBe(false);
    await ask(nodes.there, theirs, `mutation { revokeSession(id: "${session.id}") { id } }`);
    expect((await ask(nodes.here, theirs, '{ viewer { id } }')).code).toBeUndefined();
    expect(await ask(nodes.here, accessToken, '{ viewer { id } }')).toMatchObject({ reason: 'REVOKED' });
  });

  it('others see the device of a session, not its id; its connections are counted', async () => {
    const { accessToken, session } = await begin('eve');
    const client = await connectClient(nodes.there.wsUrl, accessToken);
    const raw = await openSocket(
      `${nodes.there.url.replace('http', 'ws')}/ws?token=${accessToken}&device_id=other`,
      [],
    );
    await raw.frame(0);
    const stream = await openStream(
      nodes.there,
      accessToken,
      { query: 'subscription { messageReceived { id } }' },
      { accept: '*/*' },
    );
    const seen = await ask(
      nodes.here,
      await nodes.here.token('bob2'),
      '{ presence(userIds: ["eve"]) { devices { deviceId } } }',
    );
    expect(seen.data.presence[0].devices.map(({ deviceId }: Data) => deviceId)).toEqual(['phone', 'phone', 'phone']);
    expect(JSON.stringify(seen.data)).not.toContain(session.id);
    const counted = await ask(nodes.here, accessToken, `{ session(id: "${session.id}") { connections current } }`);
    expect(counted.data.session).toEqual({ connections: 3, current: true });
    raw.socket.close();
    await client.close();
    stream.stop();
  });

  it('G17: a presence that waits for its rate is not applied after its token is revoked', async () => {
    const { log, text } = captureLog('debug');
    const clock = new StillClock();
    const service = await startTestService({ env: { RATE_LIMIT_ENABLED: 'true' }, clock, log });
    try {
      const set = async (status: string, token: string): Promise<unknown> =>
        (await ask(service, token, `mutation { setPresence(status: ${status}) { status } }`)).data.setPresence.status;
      const token = await service.token('ivy');
      for (let n = 0; n < 10; n += 1) await set('BUSY', token);
      expect(await set('AWAY', token)).toBe('AWAY');
      const root = await service.token('root', ADMIN);
      expect((await ask(service, root, REVOKE, { id: 'ivy' })).code).toBeUndefined();
      await eventually(() => {
        clock.advance(100);
        expect(text()).toContain('a late signal was not applied');
      });
      const seen = await ask(service, root, '{ presence(userIds: ["ivy"]) { status } }');
      expect(seen.data.presence).toEqual([{ status: 'BUSY' }]);
    } finally {
      await service.close();
    }
  });

  it('connections of a session, and presence, follow the present token of a socket', async () => {
    const [first, second] = [await begin('hal'), await begin('hal')];
    const raw = await connectRaw(nodes.there, 'hal', {}, '&device_id=first');
    const counts = async (): Promise<number[]> => {
      const token = await nodes.here.token('hal');
      const sessions = [first, second].map(({ session }) =>
        ask(nodes.here, token, `{ session(id: "${session.id}") { connections } }`),
      );
      return (await Promise.all(sessions)).map(({ data }) => data.session.connections);
    };
    const devices = async (): Promise<string[]> => {
      const query = '{ presence(userIds: ["hal"]) { devices { deviceId } } }';
      const { data } = await ask(nodes.here, await nodes.here.token('bob2'), query);
      return data.presence[0].devices.map(({ deviceId }: Data) => deviceId);
    };
    expect([await counts(), await devices()]).toEqual([[0, 0], ['first']]);
    for (const [{ accessToken }, expected] of [
      [first, [1, 0]],
      [second, [0, 1]],
    ] as const) {
      await raw.ask('Authenticate', { token: accessToken });
      await eventually(async () => expect([await counts(), await devices()]).toEqual([expected, ['phone']]));
    }
    await ask(nodes.here, first.accessToken, `mutation { revokeSession(id: "${first.session.id}") { id } }`);
    await raw.ask('Authenticate', { token: await nodes.here.token('hal') });
    await eventually(async () => expect([await counts(), await devices()]).toEqual([[0, 0], ['first']]));
    await raw.close();
  });

  it('a refused token has a reason: MISSING, INVALID, EXPIRED', async () => {
    const expired = await nodes.here.token('ann', { expiresAt: seconds() - 60 });
    const skewed = await nodes.here.token('ann', { expiresAt: seconds() - 20 });
    const reasons = [null, 'x', expired, skewed].map(
      async (token) => (await ask(nodes.here, token, '{ viewer { id } }')).reason,
    );
    expect(await Promise.all(reasons)).toEqual(['MISSING', 'INVALID', 'EXPIRED', undefined]);
    const streamed = await fetch(`${nodes.here.url}/graphql?query=subscription{messageReceived{id}}`, {
      headers: { accept: 'text/event-stream' },
    });
    expect(await streamed.text()).toContain('"reason":"MISSING"');
  });

  it('G08: a /ws socket that changed to another session is closed when that session ends', async () => {
    const raw = await connectRaw(nodes.there, 'fay');
    const { accessToken, session } = await begin('fay');
    await raw.ask('Authenticate', { token: accessToken });
    await ask(nodes.here, await nodes.here.token('fay'), `mutation { revokeSession(id: "${session.id}") { id } }`);
    expect(await raw.closed).toBe(4401);
  });
});
