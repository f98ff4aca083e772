/** Sessions and their refresh tokens, over an engine in memory. */

import { encodeSessionCursor } from '../../src/domain/cursor.ts';
import {
  decodeRefreshToken,
  encodeRefreshToken,
  hashOf,
  isKnown,
  isRecent,
  isSameDigest,
  newSecret,
  successorOf,
} from '../../src/domain/refresh-token.ts';
import { latestFirst, pageOfSessions } from '../../src/domain/session-page.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { Meter, SessionId, SessionRecord, SessionTokens, TenantId, Viewer } from '../../src/model.ts';
import { UNMETERED } from '../../src/rates/meters.ts';
import { LIFETIMES, openTestDomain, type TestDomain } from '../support/domain.ts';
import fc from '../support/fast-check.ts';
import { alice, bob, carol, tenant, viewerOf } from '../support/world.ts';

const bad = expect.objectContaining({ code: 'BAD_USER_INPUT' });
const refused = (reason: string) => expect.objectContaining({ code: 'UNAUTHENTICATED', reason });
/** The dates of a clock that a test moves go on meanwhile. */
const MINUTE_MS = 60_000;
const admin = viewerOf(carol, { scopes: new Set(['realtime:admin']) });

describe('refresh tokens', () => {
  const secret = 'x'.repeat(43);
  const token = { tenant, userId: alice, id: 's' as SessionId, secret };
  const made = (ids: unknown, end = secret): string =>
    `rt1.${Buffer.from(typeof ids === 'string' ? ids : JSON.stringify(ids)).toString('base64url')}.${end}`;

  it('are decoded as they were encoded', () => {
    expect(decodeRefreshToken(encodeRefreshToken(token))).toEqual(token);
    expect(decodeRefreshToken(made(['acme', 'ä/b', 's']))).toEqual({ ...token, userId: 'ä/b' });
    expect(newSecret()).toMatch(/^[\w-]{43}$/);
    expect(newSecret()).not.toBe(newSecret());
  });

  it.each([
    '',
    'rt1',
    encodeRefreshToken(token).replace('rt1', 'rt2'),
    `${encodeRefreshToken(token)}.more`,
    made(['acme', 'alice', 's'], 'x'.repeat(42)),
    made(['acme', 'alice', 's'], 'x'.repeat(44)),
    made(['acme', 'alice', 's'], '!'.repeat(43)),
    made('no JSON'),
    made(null),
    made({}),
    made(['acme', 'alice']),
    made(['acme', 'alice', 's', 's']),
    made([1, 2, 3]),
    made(['acme', 'alice', 3]),
    made(['a b', 'alice', 's']),
    made(['acme', 'a b', 's']),
    made(['acme', 'alice', 's t']),
    made(`${' '.repeat(LIMITS.tokenBytes)}["acme", "alice", "s"]`),
  ])('not %s', (text) => {
    expect(() => decodeRefreshToken(text)).toThrow(refused('INVALID'));
  });

  it('a secret is that of the session now, before, or earlier', () => {
    const [now, before, earlier, other] = [1, 2, 3, 4].map(newSecret) as [string, string, string, string];
    const session = {
      currentHash: hashOf(now),
      previousHash: hashOf(before),
      usedHashes: [hashOf(earlier)],
    } as unknown as SessionRecord;
    expect([now, before, earlier, other].map((each) => isRecent(session, each))).toEqual([true, true, false, false]);
    expect([now, before, earlier, other].map((each) => isKnown(session, each))).toEqual([true, true, true, false]);
    expect([isSameDigest('a', 'a'), isSameDigest('a', 'b'), isSameDigest('a', 'aa'), isSameDigest('', '')]).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  it('the next one depends on the present one and the nonce', () => {
    expect(successorOf('a', 'n')).toBe(successorOf('a', 'n'));
    expect(new Set([successorOf('a', 'n'), successorOf('b', 'n'), successorOf('a', 'm')]).size).toBe(3);
  });
});

describe('pages of sessions', () => {
  const place = fc.record({ createdAt: fc.nat({ max: 3 }), id: fc.constantFrom('a', 'b', 'c', 'd') });

  it('each session is on one page, latest first', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(place, { selector: (each) => JSON.stringify(each) }),
        fc.integer({ min: 1, max: 4 }),
        (all, first) => {
          const sorted = [...all].sort(latestFirst) as unknown as SessionRecord[];
          const seen: SessionRecord[] = [];
          for (let after: string | null = null, more = true; more; ) {
            const page = pageOfSessions(sorted, { first, after });
            expect(page.hasPreviousPage).toBe(seen.length > 0);
            seen.push(...page.sessions);
            more = page.hasNextPage;
            const last = page.sessions.at(-1);
            after = last ? encodeSessionCursor(last) : null;
            expect(more).toBe(seen.length < sorted.length);
          }
          expect(seen).toEqual(sorted);
        },
      ),
    );
    const ofOneMoment = (one: string, other: string): number =>
      latestFirst({ createdAt: 1, id: one }, { createdAt: 1, id: other });
    expect([ofOneMoment('a', 'a'), ofOneMoment('a', 'b'), ofOneMoment('b', 'a')]).toEqual([0, 1, -1]);
    expect(() => pageOfSessions([], { first: -1 })).toThrow(bad);
  });
});

describe('sessions', () => {
  let domain: TestDomain;
  beforeEach(() => {
    domain = openTestDomain();
  });
  afterEach(() => domain.close());
  const user = viewerOf(alice, {
    scopes: new Set(['realtime:admin', 'reads']),
    topics: { publish: ['a.#'], subscribe: null },
  });
  const begin = (viewer: Viewer = user, agent: string | null = null): Promise<SessionTokens> =>
    domain.sessions.create(viewer, { deviceId: 'phone' }, agent);
  const refresh = (token: string, meter: Meter = UNMETERED) => domain.sessions.refresh(token, meter);
  const inSession = (tokens: SessionTokens): Viewer =>
    viewerOf(alice, { sessionId: tokens.session.id, issuedAt: tokens.session.rotatedAt });

  it('begin with what the token and the request say', async () => {
    const { session, accessToken, ...tokens } = await domain.sessions.create(
      user,
      { deviceId: 'phone', deviceName: 'My phone' },
      'x'.repeat(LIMITS.userAgentCharacters + 1),
    );
    expect(session).toMatchObject({
      userId: alice,
      deviceId: 'phone',
      deviceName: 'My phone',
      userAgent: 'x'.repeat(LIMITS.userAgentCharacters),
      scope: 'reads',
      topics: user.topics,
      revokedAt: null,
      expiresAt: session.createdAt + LIFETIMES.idleMs,
    });
    const expiresAt = Math.floor((session.createdAt + LIFETIMES.accessTokenMs) / 1_000) * 1_000;
    expect(JSON.parse(accessToken)).toEqual({
      tenant,
      userId: alice,
      sessionId: session.id,
      deviceId: 'phone',
      scope: 'reads',
      topics: user.topics,
      issuedAt: session.createdAt,
      expiresAt,
    });
    expect(tokens).toMatchObject({ accessTokenExpiresAt: expiresAt, refreshTokenExpiresAt: session.expiresAt });
    expect((await begin()).session).toMatchObject({ deviceName: null, userAgent: null });
  });

  it('are begun by tokens of the platform only, for a device with an id', async () => {
    await expect(begin(inSession(await begin()))).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(domain.sessions.create(user, { deviceId: 'a b' }, null)).rejects.toEqual(bad);
    await expect(domain.sessions.create(user, { deviceId: 'a', deviceName: ' ' }, null)).rejects.toEqual(bad);
  });

  it('a refresh token is used once, and again only by who may not have heard the answer', async () => {
    const first = await begin();
    const second = await refresh(first.refreshToken);
    expect(second.viewer).toMatchObject({ tenant, userId: alice, sessionId: first.session.id, deviceId: 'phone' });
    expect([...second.viewer.scopes]).toEqual(['reads']);
    expect(second.refreshToken).not.toBe(first.refreshToken);
    domain.clock.advance(TIMES.refreshLeewayMs / 4);
    expect((await refresh(first.refreshToken)).refreshToken).toBe(second.refreshToken);
    const third = await refresh(second.refreshToken);
    expect(third.session.usedHashes).toHaveLength(2);
    expect(domain.log.text()).not.toContain('used twice');
    await expect(refresh(first.refreshToken)).rejects.toEqual(refused('REVOKED'));
    await expect(refresh(third.refreshToken)).rejects.toEqual(refused('REVOKED'));
    await expect(refresh(first.refreshToken)).rejects.toEqual(refused('REVOKED'));
    expect(domain.log.lines().filter(({ msg }) => msg.includes('used twice'))).toHaveLength(1);
  });

  it('the previous token ends the session once it may no longer be repeated', async () => {
    const first = await begin();
    await refresh(first.refreshToken);
    domain.clock.advance(TIMES.refreshLeewayMs + 1_000);
    await expect(refresh(first.refreshToken)).rejects.toEqual(refused('REVOKED'));
  });

  it('a token of nobody changes nothing', async () => {
    const { session, refreshToken } = await begin();
    const forged = encodeRefreshToken({ tenant, userId: alice, id: session.id, secret: newSecret() });
    await expect(refresh(forged)).rejects.toEqual(refused('INVALID'));
    const unknown = encodeRefreshToken({ tenant, userId: alice, id: 'none' as SessionId, secret: newSecret() });
    await expect(refresh(unknown)).rejects.toEqual(refused('INVALID'));
    const { session: next } = await refresh(refreshToken);
    expect(next.version).toBe(session.version + 1);
  });

  it('a refresh is counted for the holder of the token only', async () => {
    const { session, refreshToken } = await begin();
    const counted: unknown[] = [];
    const meter: Meter = {
      ...UNMETERED,
      of: ({ userId }) => ({ ...UNMETERED, count: (change) => counted.push([userId, change]) }),
    };
    const forged = encodeRefreshToken({ tenant, userId: alice, id: session.id, secret: newSecret() });
    await expect(refresh(forged, meter)).rejects.toEqual(refused('INVALID'));
    expect(counted).toEqual([]);
    await refresh(refreshToken, meter);
    expect(counted).toEqual([[alice, 'session']]);
  });

  it('end when they are not refreshed, and at the latest at their age', async () => {
    const { clock } = domain;
    let tokens = await begin();
    clock.advance(LIFETIMES.idleMs - MINUTE_MS);
    tokens = await refresh(tokens.refreshToken);
    clock.advance(LIFETIMES.idleMs + MINUTE_MS);
    await expect(refresh(tokens.refreshToken)).rejects.toEqual(refused('INVALID'));
    tokens = await begin();
    const { createdAt } = tokens.session;
    for (let n = 0; n < 6; n += 1) {
      clock.advance(LIFETIMES.idleMs - MINUTE_MS);
      tokens = await refresh(tokens.refreshToken);
    }
    expect(tokens.refreshTokenExpiresAt).toBe(createdAt + LIFETIMES.maxAgeMs);
    expect(await domain.sessions.find(user, tokens.session.id)).not.toBeNull();
    clock.advance(LIFETIMES.idleMs);
    expect(await domain.sessions.find(user, tokens.session.id)).toBeNull();
    expect(await domain.sessions.ofUser(user, alice)).toEqual([]);
  });

  it('of one user there are so many: the oldest ends for a new one', async () => {
    const { clock, sessions } = domain;
    const first = await begin();
    for (let n = 1; n < LIMITS.sessionsPerUser; n += 1) {
      clock.advance(10);
      await begin();
    }
    expect((await sessions.find(user, first.session.id))?.revokedAt).toBeNull();
    clock.advance(10);
    await begin();
    expect((await sessions.find(user, first.session.id))?.revokedAt).not.toBeNull();
    const live = (await sessions.ofUser(user, alice)).filter(({ revokedAt }) => revokedAt === null);
    expect(live).toHaveLength(LIMITS.sessionsPerUser);
  });

  it('are found and ended by their user and by admins, and by nobody else', async () => {
    const { sessions } = domain;
    const { session } = await begin();
    for (const viewer of [viewerOf(bob), viewerOf(alice, { tenant: 'other' as TenantId })]) {
      expect(await sessions.find(viewer, session.id)).toBeNull();
      await expect(sessions.revoke(viewer, session.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    expect((await sessions.find(admin, session.id))?.id).toBe(session.id);
    expect([await sessions.find(admin, 'a b'), await sessions.find(admin, 'none')]).toEqual([null, null]);
    const ended = await sessions.revoke(admin, session.id);
    expect(ended.revokedAt).not.toBeNull();
    domain.clock.advance(1_000);
    expect((await sessions.revoke(viewerOf(alice), session.id)).revokedAt).toBe(ended.revokedAt);
    expect(domain.log.lines().filter(({ msg }) => msg === 'session ended')).toHaveLength(1);
    await expect(sessions.ofUser(viewerOf(bob), alice)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('one that vanishes while it is ended is not found', async () => {
    const { session } = await begin();
    const { readSessions } = domain.engine;
    let reads = 0;
    Object.assign(domain.engine, {
      readSessions: async (...given: Parameters<typeof readSessions>) => {
        reads += 1;
        return reads === 1 ? readSessions(...given) : [];
      },
    });
    await expect(domain.sessions.revoke(user, session.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('all others of a user end by one call, whose session stays', async () => {
    const { sessions } = domain;
    const [own, other] = [await begin(), await begin()];
    await sessions.revoke(user, (await begin()).session.id);
    expect(await sessions.revokeOthers(inSession(own))).toBe(1);
    expect((await sessions.find(user, own.session.id))?.revokedAt).toBeNull();
    expect((await sessions.find(user, other.session.id))?.revokedAt).not.toBeNull();
    // A token of the platform has no session of its own.
    expect(await sessions.revokeOthers(user)).toBe(1);
  });

  it('a session knows so many used tokens, and its user is not held to the first of them', async () => {
    let tokens = await begin();
    const first = tokens.refreshToken;
    const used = async (): Promise<number> =>
      (await domain.sessions.find(user, tokens.session.id))?.usedHashes.length ?? 0;
    for (let n = 0; n < LIMITS.usedRefreshTokens; n += 1)
      tokens = { ...tokens, ...(await refresh(tokens.refreshToken)) };
    expect(await used()).toBe(LIMITS.usedRefreshTokens);
    for (let n = 0; n < 2; n += 1) tokens = { ...tokens, ...(await refresh(tokens.refreshToken)) };
    expect(await used()).toBe(LIMITS.usedRefreshTokens);
    await expect(refresh(first)).rejects.toEqual(refused('INVALID'));
    await expect(refresh(tokens.refreshToken)).resolves.toBeDefined();
  });

  it('the tokens of a user are revoked by admins and services', async () => {
    const { sessions } = domain;
    const { session } = await begin();
    const old = viewerOf(alice, { issuedAt: domain.clock.now() - 5_000 });
    expect(await sessions.isRevoked(old)).toBe(false);
    await expect(sessions.revokeUser(viewerOf(alice), alice)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(await sessions.revokeUser(admin, alice)).toBe(1);
    const line = domain.log.lines().find(({ msg }) => msg === 'tokens of a user revoked');
    expect(line).toMatchObject({ tenant, user: alice, sessions: 1 });
    expect(await sessions.revokeUser(viewerOf(carol, { scopes: new Set(['realtime:service']) }), alice)).toBe(0);
    expect(await sessions.isRevoked(old)).toBe(true);
    expect((await sessions.find(user, session.id))?.revokedAt).not.toBeNull();
    await expect(begin(old)).rejects.toEqual(refused('REVOKED'));
  });

  it('a token of a session is revoked with it, and using one is seen once a minute', async () => {
    const { sessions, clock } = domain;
    const tokens = await begin();
    const viewer = inSession(tokens);
    const seenAt = async () => (await sessions.find(user, tokens.session.id))?.lastSeenAt;
    const began = await seenAt();
    clock.advance(TIMES.lastSeenMs / 4);
    expect([await sessions.isRevoked(viewer), await seenAt()]).toEqual([false, began]);
    clock.advance(TIMES.lastSeenMs);
    expect(await sessions.isRevoked(viewer)).toBe(false);
    expect(await seenAt()).toBeGreaterThan(began ?? 0);
    await sessions.revoke(user, tokens.session.id);
    expect(await sessions.isRevoked(viewer)).toBe(true);
    expect(await sessions.isRevoked({ ...viewer, sessionId: 'none' as SessionId })).toBe(true);
  });
});
