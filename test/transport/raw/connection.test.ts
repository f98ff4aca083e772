/** Admission to `/ws`, its expiry, and the answers to bad frames. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { eventually } from '../../support/eventually.ts';
import { connectRaw } from '../../support/raw-client.ts';
import { type Data, newId, startTestService, type TestService } from '../../support/service.ts';
import { openSocket } from '../../support/socket.ts';
import { StillClock } from '../../support/still-clock.ts';
import { BAD_FRAMES } from './bad-frames.ts';

describe('connections to /ws', () => {
  let service: TestService;
  let url: string;
  beforeAll(async () => {
    service = await startTestService({ env: { CLIENT_TIMEOUT: '2h', HEARTBEAT_INTERVAL: '1h' } });
    url = `${service.url.replace('http', 'ws')}/ws`;
  });
  afterAll(() => service.close());

  describe('the token', () => {
    it('is read from the query, the subprotocol, which is echoed, or the header', async () => {
      const token = await service.token('alice');
      const byQuery = await openSocket(`${url}?token=${token}`, []);
      const byProtocol = await openSocket(url, [`access_token.${token}`]);
      const byHeader = await openSocket(url, [], { authorization: `Bearer ${token}` });
      for (const socket of [byQuery, byProtocol, byHeader]) {
        expect((await socket.frame(0)).data).toMatchObject({ status: 'connected', user_id: 'alice' });
        socket.socket.close();
      }
      expect(byProtocol.socket.protocol).toBe(`access_token.${token}`);
    });

    it.each([
      ['none', async () => openSocket(url, []), 4401],
      ['a bad one', async () => openSocket(`${url}?token=nonsense`, []), 4401],
      [
        'two',
        async () =>
          openSocket(url, [
            `access_token.${await service.token('alice')}`,
            `access_token.${await service.token('bob')}`,
          ]),
        4401,
      ],
      [
        'an expired one',
        async () => openSocket(`${url}?token=${await service.token('alice', { expiresAt: 1_000 })}`, []),
        4403,
      ],
    ])('%s: closed with its code and no frame', async (_name, open, code) => {
      const socket = await open();
      socket.send({ type: 'Ping', data: {} });
      expect(await socket.closed).toBe(code);
      expect(socket.frames).toEqual([]);
    });

    it('of another origin is refused before the upgrade', async () => {
      const socket = new WebSocket(`${url}?token=${await service.token('alice')}`, { origin: 'https://evil.example' });
      const [, response] = await once(socket, 'unexpected-response').catch(() => [null, { statusCode: 0 }]);
      expect(response.statusCode).toBe(403);
      socket.on('error', () => undefined).terminate();
    });

    it('W80: is replaced by Authenticate with another of the same user only', async () => {
      const soon = Math.floor(service.clock.now() / 1_000) + 60;
      const client = await connectRaw(service, 'alice', { expiresAt: soon });
      const other = await connectRaw(service, 'alice', { expiresAt: soon });
      const bob = await service.token('bob');
      expect((await client.ask('Authenticate', { token: bob })).data.code).toBe('UNAUTHENTICATED');
      expect((await client.ask('Authenticate', { token: 'nonsense' })).data.code).toBe('UNAUTHENTICATED');
      const foreign = await service.token('alice', { tenant: 'other' });
      expect((await client.ask('Authenticate', { token: foreign })).data.code).toBe('UNAUTHENTICATED');
      const answer = await client.ask('Authenticate', { token: await service.token('alice') });
      expect(answer.data).toMatchObject({ status: 'authenticated', expires_at: expect.any(String) });
      service.clock.advance(91_000);
      expect(await other.closed).toBe(4403);
      expect((await client.ask('Ping')).type).toBe('Pong');
      await client.close();
    });

    it('G08, W81: of a session that ends closes the socket with 4401', async () => {
      const create = 'mutation { createSession(input: { deviceId: "phone" }) { accessToken session { id } } }';
      const { data } = await service.query('alice', create);
      const { accessToken, session } = data.createSession;
      const socket = await openSocket(`${url}?token=${accessToken}`, []);
      expect((await socket.frame(0)).data.session_id).toBe(session.id);
      await service.query('alice', `mutation { revokeSession(id: "${session.id}") { id } }`);
      expect(await socket.closed).toBe(4401);
    });
  });

  describe('bad frames are answered, change nothing, and leave the socket open', () => {
    it('each of them', async () => {
      await service.query('bob', 'mutation { createConversation(input: { id: "group-of-bob" }) { id } }');
      const client = await connectRaw(service, 'alice');
      const codes: [string, Data][] = [];
      for (const [name, frame] of BAD_FRAMES) {
        const before = client.frames.length;
        client.send(frame);
        const { type, data } = await client.frame(before);
        codes.push([name, type === 'Error' ? data.code : type]);
        if (type === 'Error') expect(data.message.length).toBeGreaterThan(3);
      }
      expect(codes).toEqual(BAD_FRAMES.map(([name, , code]) => [name, code]));
      client.socket.send(Buffer.from([255, 0, 1]));
      const last = await client.frame(client.frames.length);
      expect(last).toMatchObject({ type: 'Error', data: { code: 'BAD_USER_INPUT' } });
      expect((await client.ask('Ping')).type).toBe('Pong');
      const { data } = await service.query('alice', '{ viewer { conversations { id } } }');
      expect(data.viewer.conversations).toEqual([]);
      expect((await service.query('bob', '{ topicHistory(topic: "news") { id } }')).data.topicHistory).toEqual([]);
      await client.close();
    });

    it('an answer has the client’s id, also for a bad frame', async () => {
      const client = await connectRaw(service, 'alice');
      expect(await client.ask('Subscribe', { topics: 1 })).toMatchObject({ type: 'Error' });
      expect(await client.ask('Nonsense', {})).toMatchObject({ type: 'Error' });
      await client.close();
    });

    it('a frame over MAX_MESSAGE_BYTES: 1009', async () => {
      const client = await connectRaw(service, 'alice');
      client.send({ type: 'Broadcast', data: { topic: 'news', payload: 'x'.repeat(1_048_576) } });
      expect(await client.closed).toBe(1009);
    });

    it('fragments: as many as a message of MAX_MESSAGE_BYTES needs; with more: 1008, counted as such', async () => {
      const client = await connectRaw(service, 'alice');
      const text = '{"type":"Ping","data":{}}'.padEnd(100_000);
      for (let at = 0; at < text.length; at += 1_000)
        client.socket.send(text.slice(at, at + 1_000), { fin: at + 1_000 >= text.length });
      expect((await client.received('Pong', 1)).length).toBe(1);
      for (let n = 0; n < 2_000; n += 1) client.socket.send('', { fin: false });
      expect(await client.closed).toBe(1008);
      await eventually(async () =>
        expect(await (await fetch(`${service.url}/metrics`)).text()).toContain(
          'realtime_socket_closes_total{code="1008"} 1\n',
        ),
      );
    });

    it('at most 1,000 topics a socket', async () => {
      const client = await connectRaw(service, 'alice');
      for (let n = 0; n < 10; n += 1) {
        const topics = Array.from({ length: 100 }, (_, index) => `t${n}.${index}`);
        expect((await client.ask('Subscribe', { topics })).type).toBe('Status');
      }
      expect((await client.ask('Subscribe', { topics: ['one', 'more'] })).data.code).toBe('BAD_USER_INPUT');
      await client.ask('Unsubscribe', { topics: ['t0.0'] });
      expect((await client.ask('Subscribe', { topics: ['one'] })).type).toBe('Status');
      await client.close();
    });
  });

  it('G09, R91: tenants with the same users, rooms and topics receive nothing of each other', async () => {
    const [acme, other] = [await connectRaw(service, 'alice'), await connectRaw(service, 'alice', { tenant: 'other' })];
    const target = await connectRaw(service, 'bob', { tenant: 'other' });
    const room = newId();
    for (const client of [acme, other]) {
      await client.ask('Subscribe', { topics: ['news'] });
      expect((await client.ask('CreateRoom', { room })).data.members).toEqual(['alice']);
    }
    await acme.ask('Broadcast', { topic: 'news', payload: 'acme' });
    await acme.ask('DirectMessage', { target_user: 'bob', payload: 'acme' });
    await acme.ask('RoomMessage', { room, payload: 'acme' });
    await other.ask('Broadcast', { topic: 'news', payload: 'other' });
    await other.ask('RoomMessage', { room, payload: 'other' });
    expect((await other.received('Broadcast', 1)).map(({ payload }) => payload)).toEqual(['other']);
    expect((await other.received('RoomMessage', 1)).map(({ payload }) => payload)).toEqual(['other']);
    await target.ask('Ping');
    expect(target.of('DirectMessage')).toEqual([]);
    await Promise.all([acme.close(), other.close(), target.close()]);
  });

  it('R90: over the rate: RATE_LIMITED with a time to wait; a flood is closed with 4429', async () => {
    // Nothing is given back meanwhile, however slowly it comes.
    const clock = new StillClock();
    const limited = await startTestService({ env: { RATE_LIMIT_ENABLED: 'true' }, clock });
    const client = await connectRaw(limited, 'alice');
    for (let n = 0; n < 25; n += 1) client.send({ type: 'Broadcast', data: { topic: 'news', payload: n }, id: `${n}` });
    const [error] = await client.received('Error', 1);
    expect(error).toMatchObject({ code: 'RATE_LIMITED', retry_after_ms: expect.any(Number) });
    for (let n = 0; n < 300; n += 1) client.send({ type: 'Broadcast', data: { topic: 'news', payload: n } });
    expect(await client.closed).toBe(4429);
    await limited.close();
  });

  it('a drain closes with 1012', async () => {
    const draining = await startTestService();
    const client = await connectRaw(draining, 'alice');
    await draining.close();
    expect(await client.closed).toBe(1012);
  });

  it('a peer that never reads is closed with 1013 at MAX_QUEUED_BYTES; others stay open', async () => {
    const small = await startTestService({ env: { MAX_QUEUED_BYTES: '64KiB' } });
    const [slow, good] = [await connectRaw(small, 'alice'), await connectRaw(small, 'bob')];
    for (const client of [slow, good]) await client.ask('Subscribe', { topics: ['news'] });
    slow.socket.pause();
    const payload = 'x'.repeat(30_000);
    const publish = 'mutation ($payload: JSON!) { publish(topic: "news", payload: $payload) { id } }';
    const metrics = async (): Promise<string> => (await fetch(`${small.url}/metrics`)).text();
    let count = 0;
    await eventually(async () => {
      for (let n = 0; n < 20; n += 1) {
        await small.query('carol', publish, { payload });
        count += 1;
        // One that reads keeps up, however slow the machine is.
        await good.received('Broadcast', count);
      }
      expect(await metrics()).toContain('realtime_socket_closes_total{code="1013"} 1\n');
    });
    expect(good.of('Broadcast')).toHaveLength(count);
    slow.socket.terminate();
    await good.close();
    await small.close();
  });
});
