/** Sessions: created, refreshed and revoked, on one node and from another. */
import { TIMES } from '../../src/limits.ts';
import { connectClient, type TestClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { openStream } from '../support/http-stream.ts';
import { LONG_SETTINGS, type Nodes, startNodes } from '../support/nodes.ts';
import type { Data, TestService } from '../support/service.ts';

const TOKENS = 'session { id deviceId deviceName current revokedAt } accessToken accessTokenExpiresAt refreshToken';
const CREATE = `mutation ($deviceId: ID!) { createSession(input: {deviceId: $deviceId, deviceName: "Phone"}) { ${TOKENS} } }`;
const REFRESH = `mutation ($token: String!) { refreshSession(refreshToken: $token) { ${TOKENS} } }`;
const REVOKE = 'mutation ($id: ID!) { revokeSession(id: $id) { id revokedAt } }';
const LIST = '{ viewer { sessions { nodes { id deviceName userAgent current revokedAt connections lastSeenAt } } } }';

describe.each(LONG_SETTINGS)('sessions: %s', (setting) => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await startNodes(setting, { CLIENT_TIMEOUT: '2h', HEARTBEAT_INTERVAL: '1h' });
  });
  afterAll(() => nodes.close());

  async function ask(service: TestService, token: string | null, query: string, variables: object = {}): Promise<Data> {
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'Test/1',
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    };
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as Data;
    return { data, code: errors?.[0]?.extensions.code, message: errors?.[0]?.message };
  }
  const begin = async (userId: string, deviceId = 'phone'): Promise<Data> =>
    (await ask(nodes.here, await nodes.here.token(userId, { scope: 'realtime:service' }), CREATE, { deviceId })).data
      .createSession;
  const refresh = (token: string, service = nodes.there): Promise<Data> => ask(service, null, REFRESH, { token });

  it('createSession gives a token that works on every node and names its user and device', async () => {
    const { accessToken, session } = await begin('ann');
    expect(session).toMatchObject({ deviceId: 'phone', deviceName: 'Phone', current: false, revokedAt: null });
    const { data } = await ask(nodes.there, accessToken, LIST);
    expect(data.viewer.sessions.nodes).toEqual([
      expect.objectContaining({ id: session.id, userAgent: 'Test/1', current: true, connections: 0 }),
    ]);
    expect(
      (await ask(nodes.there, accessToken, `{ session(id: "${session.id}") { current user { id } } }`)).data.session,
    ).toEqual({ current: true, user: { id: 'ann' } });
    const stranger = await nodes.here.token('bob');
    expect((await ask(nodes.here, stranger, `{ session(id: "${session.id}") { id } }`)).data.session).toBeNull();
    expect((await ask(nodes.here, stranger, REVOKE, { id: session.id })).code).toBe('NOT_FOUND');
    expect((await ask(nodes.here, stranger, CREATE, { deviceId: 'a b' })).code).toBe('BAD_USER_INPUT');
  });

  it('a socket that took over the token of another session is closed when that session ends', async () => {
    const { refreshToken, session } = await begin('fay');
    const socket = await connectClient(nodes.here.wsUrl, await nodes.here.token('fay'));
    await socket.query(REFRESH, { token: refreshToken });
    const token = await nodes.there.token('fay');
    expect((await ask(nodes.there, token, REVOKE, { id: session.id })).data.revokeSession.revokedAt).not.toBeNull();
    await eventually(() => expect(socket.closes[0]?.code).toBe(4401));
    await socket.close();
  });

  it('an admin sees and revokes every session of their own tenant, and none of another tenant', async () => {
    const { accessToken, session } = await begin('eve');
    const admin = await nodes.there.token('root', { scope: 'realtime:admin' });
    const other = await nodes.there.token('root', { scope: 'realtime:admin', tenant: 'other' });
    const READ = `{ session(id: "${session.id}") { id user { id } current } }`;
    expect((await ask(nodes.there, other, READ)).data.session).toBeNull();
    expect((await ask(nodes.there, other, REVOKE, { id: session.id })).code).toBe('NOT_FOUND');
    expect((await ask(nodes.there, admin, READ)).data.session).toEqual({
      id: session.id,
      user: { id: 'eve' },
      current: false,
    });
    const socket = await connectClient(nodes.here.wsUrl, accessToken);
    expect((await ask(nodes.there, admin, REVOKE, { id: session.id })).data.revokeSession.revokedAt).not.toBeNull();
    await eventually(() => expect(socket.closes[0]?.code).toBe(4401));
    expect((await ask(nodes.there, accessToken, LIST)).code).toBe('UNAUTHENTICATED');
    await socket.close();
  });

  it('J120: a refresh token is used once; its answer repeats for ten seconds, with the same tokens to all', async () => {
    const first = await begin('cid');
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, n) => refresh(first.refreshToken, n % 2 ? nodes.here : nodes.there)),
    );
    const tokens = all.map(({ data }) => data.refreshSession);
    expect(new Set(tokens.map(({ refreshToken }) => refreshToken)).size).toBe(1);
    expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(1);
    expect(tokens[0].refreshToken).not.toBe(first.refreshToken);
    nodes.clock.advance(10_500);
    expect((await refresh(first.refreshToken)).code).toBe('UNAUTHENTICATED');
    // Two held it: neither does any more.
    expect((await refresh(tokens[0].refreshToken)).code).toBe('UNAUTHENTICATED');
    expect((await ask(nodes.here, tokens[0].accessToken, LIST)).code).toBe('UNAUTHENTICATED');
  });

  it('J120: a refresh token older than the last one ends its session at once', async () => {
    const first = await begin('dan');
    const second = (await refresh(first.refreshToken)).data.refreshSession;
    const third = (await refresh(second.refreshToken)).data.refreshSession;
    expect((await refresh(first.refreshToken)).code).toBe('UNAUTHENTICATED');
    expect((await refresh(third.refreshToken)).code).toBe('UNAUTHENTICATED');
  });

  it('J120: a malformed refresh token, or one of another tenant, user or session, ends no session', async () => {
    const { refreshToken, accessToken } = await begin('eve');
    const [prefix, place, secret = ''] = refreshToken.split('.');
    const [tenant, userId, id] = JSON.parse(Buffer.from(place, 'base64url').toString());
    const encode = (ids: unknown): string => Buffer.from(JSON.stringify(ids)).toString('base64url');
    const { session: another } = await begin('eve', 'tablet');
    const elsewhere = [
      ['other', userId, id],
      [tenant, 'fay', id],
      [tenant, userId, another.id],
      [tenant, userId, id, id],
      [tenant, userId, { $gt: '' }],
    ];
    const wrong = [
      accessToken,
      '',
      'rt1',
      `${prefix}.${place}`,
      `${prefix}.${place}.${secret.slice(1)}`,
      `${prefix}.${place}.${'A'.repeat(43)}`,
      `${prefix}.e30.${secret}`,
      ...elsewhere.map((ids) => `${prefix}.${encode(ids)}.${secret}`),
      'x'.repeat(100_000),
    ];
    for (const token of wrong) expect((await refresh(token)).code).toBe('UNAUTHENTICATED');
    expect((await ask(nodes.here, refreshToken, LIST)).code).toBe('UNAUTHENTICATED');
    expect((await refresh(refreshToken)).data.refreshSession.session.revokedAt).toBeNull();
  });

  it('G08, W81: a session ended on one node ends on all: sockets and streams close, its token is refused', async () => {
    const { accessToken, session } = await begin('fay');
    const socket: TestClient = await connectClient(nodes.there.wsUrl, accessToken);
    const live = await socket.subscribe('subscription { presenceUpdated(userIds: ["fay"]) { status } }');
    await live.count(1);
    const stream = await openStream(
      nodes.there,
      accessToken,
      { query: 'subscription { messageReceived { id } }' },
      { accept: '*/*' },
    );
    const other = await nodes.here.connect('fay');
    const { data } = await ask(nodes.here, await nodes.here.token('fay'), REVOKE, { id: session.id });
    expect(data.revokeSession.revokedAt).not.toBeNull();
    await eventually(() => expect(socket.closes[0]?.code).toBe(4401));
    await eventually(() => expect(stream.end).not.toBeNull());
    expect((await ask(nodes.there, accessToken, LIST)).code).toBe('UNAUTHENTICATED');
    expect((await connectClient(nodes.there.wsUrl, accessToken)).closes[0]?.code).toBe(4401);
    expect(other.closes).toEqual([]);
    await other.close();
  });

  it('J117: ending all other sessions refuses earlier tokens; the fifty-first session ends the oldest', async () => {
    const [one, two, three] = [await begin('gil'), await begin('gil'), await begin('gil')];
    expect((await ask(nodes.here, two.accessToken, 'mutation { revokeOtherSessions }')).data.revokeOtherSessions).toBe(
      2,
    );
    for (const { accessToken } of [one, three])
      expect((await ask(nodes.there, accessToken, LIST)).code).toBe('UNAUTHENTICATED');
    expect((await ask(nodes.there, two.accessToken, LIST)).code).toBeUndefined();
    nodes.clock.advance(1);
    for (let n = 0; n < 50; n += 1) await begin('gil');
    expect((await ask(nodes.there, two.accessToken, LIST)).code).toBe('UNAUTHENTICATED');
  });

  it('J120: the refresh token of a session that was not refreshed for thirty days is refused', async () => {
    const { refreshToken } = await begin('jon');
    nodes.clock.advance(TIMES.sessionMs - 3_600_000);
    const { refreshToken: next } = (await refresh(refreshToken)).data.refreshSession;
    nodes.clock.advance(TIMES.sessionMs);
    expect((await refresh(next)).code).toBe('UNAUTHENTICATED');
    const listedTo = async (token: string) => (await ask(nodes.there, token, LIST)).data.viewer.sessions.nodes;
    // It may still be stored: only the next session of its user removes it.
    expect(await listedTo(await nodes.here.token('jon'))).toEqual([]);
    const { accessToken } = await begin('jon');
    expect(await listedTo(accessToken)).toMatchObject([{ current: true }]);
  });

  it('a refresh over a socket keeps it open past the expiry of its first token', async () => {
    const { accessToken, refreshToken } = await begin('hal');
    const kept = await connectClient(nodes.here.wsUrl, accessToken);
    const left = await connectClient(nodes.here.wsUrl, accessToken);
    nodes.clock.advance(14 * 60_000);
    const { data } = await kept.query(REFRESH, { token: refreshToken });
    expect(data.refreshSession.session.current).toBe(true);
    nodes.clock.advance(2 * 60_000);
    await eventually(() => expect(left.closes[0]?.code).toBe(4403));
    expect((await kept.query('{ viewer { id } }')).data.viewer.id).toBe('hal');
    const someone = await begin('ida');
    await kept.query(REFRESH, { token: someone.refreshToken });
    expect((await kept.query('{ viewer { id } }')).data.viewer.id).toBe('hal');
    await kept.close();
  });

  it('lastSeenAt of a session is accurate to a minute', async () => {
    const { accessToken } = await begin('lea');
    const seenAt = async (): Promise<number> => {
      const { data } = await ask(nodes.there, accessToken, LIST);
      return Date.parse(data.viewer.sessions.nodes[0].lastSeenAt);
    };
    const before = await seenAt();
    nodes.clock.advance(TIMES.lastSeenMs + 1);
    expect(await seenAt()).toBeGreaterThan(before + TIMES.lastSeenMs);
  });
});
