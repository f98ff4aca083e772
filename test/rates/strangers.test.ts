/** Rates belong to the actor: nobody else uses them up, in any tenant. */
import { startRedisServer } from '../support/redis-server.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { StillClock } from '../support/still-clock.ts';

const REFRESH = 'mutation ($token: String!) { refreshSession(refreshToken: $token) { refreshToken } }';
const SEND = 'mutation { sendMessage(input: {conversationId: "c", content: "x"}) { id } }';
const CREATE = 'mutation { createConversation(input: {id: "c"}) { id } }';
const SESSION = 'mutation { createSession(input: {deviceId: "d"}) { refreshToken } }';

describe('rates and strangers', () => {
  it('G18: refreshing with a forged token uses up neither the session’s rate nor the session', async () => {
    const env = { RATE_LIMIT_ENABLED: 'true' };
    const service = await startTestService({ env, clock: new StillClock() });
    const begun = await service.query('alice', SESSION);
    let token: string = begun.data.createSession.refreshToken;
    const [prefix, session] = token.split('.');
    const forged = `${prefix}.${session}.${'A'.repeat(43)}`;
    for (let n = 0; n < 100; n += 1) {
      const by = n % 2 ? null : 'mallory';
      const { code } = await service.query(by, REFRESH, { token: forged });
      // Whoever has a name is held to their own rate.
      expect(code).toBe(by !== null && n >= 60 ? 'RATE_LIMITED' : 'UNAUTHENTICATED');
    }
    for (let n = 0; n < 30; n += 1) {
      const { data, code } = await service.query(null, REFRESH, { token });
      expect(code).toBeUndefined();
      token = data.refreshSession.refreshToken;
    }
    const refused = await service.query(null, REFRESH, { token });
    expect([refused.code, refused.errors?.[0]?.extensions['retryAfterMs']]).toEqual(['RATE_LIMITED', 2_000]);
    await service.close();
  });

  it('G09: the same user id in another tenant has its own rate, on other nodes too', async () => {
    const redis = await startRedisServer();
    const clock = new StillClock();
    const env = {
      RATE_LIMIT_ENABLED: 'true',
      RATE_LIMIT_USER_MESSAGES: '10',
      REDIS_URL: redis.url,
      REDIS_PREFIX: 'strangers',
    };
    const nodes: [TestService, TestService] = [
      await startTestService({ env, clock }),
      await startTestService({ env, clock }),
    ];
    for (const tenant of ['one', 'two']) await nodes[0].query('alice', CREATE, {}, { tenant });
    const send = (node: 0 | 1, tenant: string) => nodes[node].query('alice', SEND, {}, { tenant });
    for (let second = 0; second < 4; second += 1) {
      for (let n = 0; n < 10; n += 1) expect((await send(0, 'one')).code).toBeUndefined();
      expect((await send(0, 'one')).code).toBe('RATE_LIMITED');
      for (let n = 0; n < 8; n += 1) expect((await send(1, 'two')).code).toBeUndefined();
      // The nodes tell each other; what is asked after that is answered after that.
      clock.advance(1_000);
      for (const node of nodes) await node.query('alice', '{ viewer { status } }');
    }
    for (const node of nodes) await node.close();
    await redis.stop();
  });
});
