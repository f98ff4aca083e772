/** Tokens that are not good, by each way in; and none of them in the log. `faults/bad-input.test.ts` sends them to a process. */
import { readConfig } from '../../src/config.ts';
import { type Service, startService } from '../../src/service.ts';
import { outcomesOfToken, REFUSED, TAKEN } from '../faults/inputs/tokens.ts';
import { captureLog } from '../support/log.ts';
import { SECRET } from '../support/service.ts';
import { openSocket } from '../support/socket.ts';
import { TestClock } from '../support/test-clock.ts';
import { claims, FORGED, good, HS256, jws, now, STRANGE } from './forged-tokens.ts';
import { AUDIENCE, ISSUER, type Issuer, startIssuer } from './issuer.ts';

/** What would be another line, another colour or another order to whoever reads a log as it is. */
const HOSTILE = [
  'a\n{"level":60,"msg":"forged"}',
  '\u001b[31mred\u001b[0m',
  'a\u2028b\u2029c',
  '\u202egnol',
  'x'.repeat(10_000),
];

describe('bad tokens', () => {
  let service: Service;
  let issuer: Issuer;
  const { log, lines } = captureLog('trace');
  let url: string;
  let sockets: { url: string; wsUrl: string; rawUrl: string };
  const used: string[] = [];
  beforeAll(async () => {
    issuer = await startIssuer();
    const config = readConfig({
      HOST: '127.0.0.1',
      PORT: '0',
      DATA_DIR: ':memory:',
      JWT_SECRET: SECRET,
      JWT_ISSUER: ISSUER,
      JWT_AUDIENCE: AUDIENCE,
      JWT_JWKS_URL: issuer.url,
      DRAIN_WINDOW: '0ms',
      RATE_LIMIT_ENABLED: 'false',
    });
    service = await startService(config, log, { clock: new TestClock() });
    url = `http://127.0.0.1:${service.port}`;
    const ws = url.replace('http', 'ws');
    sockets = { url, wsUrl: `${ws}/graphql`, rawUrl: `${ws}/ws` };
  });
  afterAll(async () => {
    await service.close();
    issuer.close();
  });

  async function post(token: string, query: string, variables: object = {}): Promise<string> {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ query, variables });
    return (await fetch(`${url}/graphql`, { method: 'POST', headers, body })).text();
  }

  it('none is taken, by no way', async () => {
    for (const [title, make] of FORGED) {
      const token = await make(issuer);
      used.push(token);
      expect([title, await outcomesOfToken(sockets, token)]).toEqual([title, REFUSED]);
    }
  });

  it('those that only look so are alice’s, of the default tenant, who administers nothing', async () => {
    for (const [title, make] of [['a good one', good] as const, ...STRANGE]) {
      const token = await make(issuer);
      used.push(token);
      expect([title, await outcomesOfToken(sockets, token)]).toEqual([title, TAKEN]);
      const answer = JSON.parse(await post(token, '{ viewer { id } routingRules { id } }'));
      expect([title, answer.errors[0].extensions.code]).toEqual([title, 'FORBIDDEN']);
    }
  });

  it('J104: at the edge of the skew of 30 s', async () => {
    const ends = (ago: number): Promise<unknown> => outcomesOfToken(sockets, jws(HS256, claims({ exp: now() - ago })));
    expect(await ends(28)).toEqual(TAKEN);
    expect(await ends(31)).toMatchObject({ HTTP: [401], 'graphql-ws': [4403, 4403], '/ws': [4403, 4403] });
  });

  it('L121: names, devices, words and operations that look like lines of a log: each line is one of JSON, and none shows a token, the secret or them', async () => {
    const token = good();
    used.push(token);
    for (const text of HOSTILE) {
      const named = jws(HS256, claims({ sub: text }));
      await post(named, '{ viewer { id } }');
      // Some of them may be the id of a user, who is let in.
      const socket = await openSocket(`${url.replace('http', 'ws')}/ws?token=${named}`, []);
      await Promise.race([socket.closed, socket.frame(0)]);
      socket.socket.terminate();
      await post(token, 'mutation ($t: String) { setPresence(status: BUSY, statusText: $t) { status } }', { t: text });
      await post(token, 'mutation ($d: ID!) { createSession(input: {deviceId: $d}) { accessToken } }', { d: text });
      await post(token, `# ${text}\nquery { nonsense }`, { [text]: 1 });
      const path = `/ws?token=${token}&device_id=${encodeURIComponent(text)}`;
      await (await openSocket(`${url.replace('http', 'ws')}${path}`, [])).closed;
      await fetch(`${url}/${encodeURIComponent(text)}`);
    }
    const all = lines();
    expect(all.length).toBeGreaterThan(0);
    expect(all.every((line) => typeof JSON.parse(line).level === 'number')).toBe(true);
    expect(all.filter((line) => JSON.parse(line).level >= 50)).toEqual([]);
    const text = all.join('\n');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f\u2028\u2029\u202e]|forged/);
    for (const secret of [SECRET, ...used.filter((each) => each.length > 20)]) expect(text).not.toContain(secret);
  });
});
