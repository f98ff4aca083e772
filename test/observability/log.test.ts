/** The log: a line for each event in the life of a socket, a stream and a session, with its user. */
import { readConfig } from '../../src/config.ts';
import { type Service, startService } from '../../src/service.ts';
import { tokenOf } from '../faults/load.ts';
import { connectClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { openStream } from '../support/http-stream.ts';
import { captureLog, type Line } from '../support/log.ts';
import { type Data, SECRET } from '../support/service.ts';
import { openSocket } from '../support/socket.ts';
import { StillClock } from '../support/still-clock.ts';

describe('the log', () => {
  const { log, lines, text } = captureLog('info');
  const clock = new StillClock();
  let service: Service;
  let url: string;
  let wsUrl: string;
  beforeAll(async () => {
    const config = readConfig({
      HOST: '127.0.0.1',
      PORT: '0',
      DATA_DIR: ':memory:',
      JWT_SECRET: SECRET,
      DRAIN_WINDOW: '0ms',
    });
    service = await startService(config, log, { clock });
    url = `http://127.0.0.1:${service.port}`;
    wsUrl = `${url.replace('http', 'ws')}/graphql`;
  });
  afterAll(() => service.close());

  const said = (msg: string): Line[] => lines().filter((line) => line.msg === msg);
  async function ask(token: string | null, query: string): Promise<Data> {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
      body: JSON.stringify({ query }),
    });
    return ((await response.json()) as Data).data;
  }

  it.each([
    ['graphql-ws', 'graphql_ws', 'GRAPHQL_WS', 1000],
    ['/ws', 'websocket', 'WEBSOCKET', 1005],
  ])('a socket has a line when admitted and one when closed: %s', async (_, transport, type, code) => {
    const from = [said('socket admitted').length, said('socket closed').length] as const;
    const token = await tokenOf('ann');
    if (type === 'GRAPHQL_WS') await (await connectClient(wsUrl, token)).close();
    else {
      const socket = await openSocket(`${url.replace('http', 'ws')}/ws?token=${token}`, []);
      await socket.frame(0);
      socket.socket.close();
    }
    await eventually(() => expect(said('socket closed').slice(from[1])).toHaveLength(1));
    const [opened] = said('socket admitted').slice(from[0]);
    const [closed] = said('socket closed').slice(from[1]);
    expect(opened).toMatchObject({ type, tenant: 'default', user: 'ann' });
    expect(closed).toMatchObject({ connection: opened?.connection, transport, tenant: 'default', user: 'ann' });
    expect([closed?.durationMs, closed?.code]).toEqual([0, code]);
  });

  it('a stream has a line when admitted and one when closed', async () => {
    const stream = await openStream(
      { url },
      await tokenOf('ben'),
      { query: 'subscription { messageReceived { id } }' },
      { accept: 'text/event-stream' },
    );
    stream.stop();
    await eventually(() => expect(said('stream closed')).toHaveLength(1));
    const [opened] = said('stream admitted');
    expect(opened).toMatchObject({ type: 'SSE', tenant: 'default', user: 'ben' });
    expect(said('stream closed')[0]).toMatchObject({ connection: opened?.connection, user: 'ben' });
  });

  it('a session has a line at its start and end, and a reused refresh token a warning', async () => {
    const fields = 'session { id } accessToken refreshToken';
    const create = `mutation { createSession(input: {deviceId: "d"}) { ${fields} } }`;
    const { createSession: first } = await ask(await tokenOf('cid'), create);
    const refresh = `mutation { refreshSession(refreshToken: "${first.refreshToken}") { ${fields} } }`;
    await ask(null, refresh);
    clock.advance(60_000);
    await ask(null, refresh);
    const { createSession: second } = await ask(await tokenOf('cid'), create);
    await ask(await tokenOf('cid'), `mutation { revokeSession(id: "${second.session.id}") { id } }`);
    const of = { tenant: 'default', user: 'cid' };
    expect(said('session begun')).toMatchObject([first, second].map(({ session }) => ({ ...of, session: session.id })));
    expect(said('refresh token used twice: its session has ended')).toMatchObject([
      { ...of, session: first.session.id, level: 40 },
    ]);
    expect(said('session ended')).toMatchObject([{ ...of, session: second.session.id }]);
    for (const secret of [first, second].flatMap(({ accessToken, refreshToken }) => [accessToken, refreshToken]))
      expect(text()).not.toContain(secret);
  });

  it('refused clients do not fill the log', async () => {
    const before = lines().length;
    for (let n = 0; n < 20; n += 1) {
      const socket = await openSocket(wsUrl, ['graphql-transport-ws']);
      socket.send({ type: 'connection_init', payload: { token: 'nonsense' } });
      expect(await socket.closed).toBe(4401);
    }
    // Once a minute one line says why.
    expect(lines().slice(before)).toMatchObject([{ msg: 'token refused', refused: 1 }]);
    expect(text()).not.toContain('nonsense');
  });
});
