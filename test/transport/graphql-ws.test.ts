/** The socket at `/graphql`, by the phases of a connection. Close codes are those of the contract. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { CLOSE_CODES } from '../../src/errors.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { countWrites } from '../support/writes.ts';
import { CARRIED, GraphqlSockets, PROTOCOL } from './graphql-sockets.ts';

describe('WS /graphql', () => {
  const sockets = new GraphqlSockets();

  describe('before the handshake', () => {
    const refusal = (path: string, headers: Record<string, string>): Promise<number> =>
      new Promise((resolve) => {
        const socket = new WebSocket(sockets.service.wsUrl.replace('/graphql', path), [PROTOCOL], { headers });
        socket.on('unexpected-response', (_, response) => resolve(response.statusCode ?? 0));
        socket.on('open', () => {
          resolve(101);
          socket.terminate();
        });
        socket.on('error', () => undefined);
      });

    it.each([
      ['https://app.example.com', 101],
      ['https://app.example.com.evil.tld', 403],
      ['https://evilapp.example.com', 403],
      ['https://app.example.com:444', 403],
      ['http://app.example.com', 403],
      ['null', 403],
    ])('answers origin %s with %i', async (origin, status) => {
      expect(await refusal('/graphql', { origin })).toBe(status);
    });

    it('answers other paths with 404, and closes with 1013 at the cap of connections', async () => {
      expect(await refusal('/elsewhere', {})).toBe(404);
      // Of users: a socket that has not said who it is makes room for the next.
      const users = await Promise.all(Array.from({ length: 50 }, () => sockets.service.connect('alice')));
      expect(await (await sockets.open()).closed).toBe(1013);
      await Promise.all(users.map((user) => user.close()));
      await eventually(async () => expect(await refusal('/graphql', {})).toBe(101));
    });

    it('closes with 4406 without the subprotocol', async () => {
      expect(await (await sockets.open([])).closed).toBe(4406);
    });
  });

  describe('connection_init', () => {
    it.each([
      ['token', (token: string) => ({ token })],
      ['token with its scheme', (token: string) => ({ token: `Bearer ${token}` })],
      ['authorization', (token: string) => ({ authorization: `Bearer ${token}` })],
      ['Authorization', (token: string) => ({ Authorization: `bearer ${token}` })],
      ['headers.authorization', (token: string) => ({ headers: { authorization: token } })],
      [
        'connectionParams.token, as Apollo Router does',
        (token: string) => ({ connectionParams: { token: `Bearer ${token}` } }),
      ],
    ])('finds the token in %s', async (_, payload) => {
      const raw = await sockets.open();
      raw.send({ type: 'connection_init', payload: payload(await sockets.service.token('alice')) });
      expect(await raw.frame(0)).toMatchObject({ type: 'connection_ack' });
    });

    it('W83: closes with 4401 at two different tokens in any two places; one token twice is accepted', async () => {
      const [alice, bob] = [await sockets.service.token('alice'), await sockets.service.token('bob')];
      const outcome = async (payload: unknown): Promise<unknown> => {
        const raw = await sockets.open([PROTOCOL], { authorization: `Bearer ${alice}` });
        raw.send({ type: 'connection_init', payload });
        return Promise.race([raw.closed, raw.frame(0).then(({ type }) => type)]);
      };
      expect(await outcome({ token: alice, connectionParams: { token: `Bearer ${bob}` } })).toBe(4401);
      expect(await outcome({ token: alice, headers: { authorization: `Bearer ${bob}` } })).toBe(4401);
      expect(await outcome({ token: alice, connectionParams: { token: `Bearer ${alice}` } })).toBe('connection_ack');
    });

    it('finds the token in the upgrade request', async () => {
      const raw = await sockets.open([PROTOCOL], { authorization: `Bearer ${await sockets.service.token('alice')}` });
      raw.send({ type: 'connection_init' });
      expect(await raw.frame(0)).toMatchObject({ type: 'connection_ack' });
    });

    it('closes with 4401 without a token or with a bad one, with 4403 at an expired one', async () => {
      const close = async (payload: unknown): Promise<number> => {
        const raw = await sockets.open();
        raw.send({ type: 'connection_init', payload });
        return raw.closed;
      };
      expect(await close(undefined)).toBe(CLOSE_CODES.UNAUTHORIZED);
      expect(await close({ token: 'x' })).toBe(CLOSE_CODES.UNAUTHORIZED);
      expect(await close({ token: 1 })).toBe(CLOSE_CODES.UNAUTHORIZED);
      const expired = await sockets.service.token('alice', { expiresAt: Math.floor(Date.now() / 1_000) - 60 });
      expect(await close({ token: expired })).toBe(CLOSE_CODES.TOKEN_EXPIRED);
      expect(await close({ token: await sockets.service.token('alice'), deviceId: 'a b' })).toBe(
        CLOSE_CODES.BAD_REQUEST,
      );
    });

    it('W62, W63, W64: closes with 4429 at a second one, 4401 at an earlier subscribe, 4408 without one', async () => {
      const twice = await sockets.ready();
      twice.send({ type: 'connection_init' });
      expect(await twice.closed).toBe(CLOSE_CODES.TOO_MANY);
      const early = await sockets.open();
      early.send({ type: 'subscribe', id: '1', payload: { query: '{ viewer { id } }' } });
      expect(await early.closed).toBe(CLOSE_CODES.UNAUTHORIZED);
      const silent = await sockets.open();
      const reason = once(silent.socket, 'close').then(([code, said]) => `${code} ${said}`);
      sockets.service.clock.advance(TIMES.connectionInitMs);
      // One that is silent for longer is closed with the same code.
      expect(await reason).toBe(`${CLOSE_CODES.TIMEOUT} Connection initialisation timeout`);
    });

    it('refuses a large frame before it', async () => {
      const raw = await sockets.open();
      raw.send({ type: 'ping', payload: { x: 'x'.repeat(20_000) } });
      expect(await raw.closed).toBe(CLOSE_CODES.TOO_BIG);
    });
  });

  describe('operations', () => {
    it('runs queries and mutations in order, and answers ping', async () => {
      const raw = await sockets.ready();
      raw.send({ type: 'subscribe', id: 'q', payload: { query: '{ viewer { id } }' } });
      raw.send({ type: 'ping', payload: { n: 1 } });
      expect([await raw.frame(1), await raw.frame(2), await raw.frame(3)]).toEqual([
        { type: 'next', id: 'q', payload: { data: { viewer: { id: 'alice' } } } },
        { type: 'complete', id: 'q' },
        { type: 'pong', payload: { n: 1 } },
      ]);
    });

    it.each([
      ['a syntax error', { query: '{' }, 'GRAPHQL_PARSE_FAILED'],
      ['an invalid document', { query: '{ nonsense }' }, 'GRAPHQL_VALIDATION_FAILED'],
      [
        'two operations and no name',
        { query: 'query A { __typename } query B { __typename }' },
        'OPERATION_RESOLUTION_FAILURE',
      ],
      [
        'two root fields',
        { query: 'subscription { messageReceived { id } messageUpdated { id } }' },
        'GRAPHQL_VALIDATION_FAILED',
      ],
      ['20,000 braces', { query: '{ x '.repeat(8_000) }, 'GRAPHQL_PARSE_FAILED'],
      [
        'Q55: a root field under a condition',
        { query: 'subscription ($x: Boolean!) { messageReceived @skip(if: $x) { id } }', variables: { x: true } },
        'GRAPHQL_VALIDATION_FAILED',
      ],
      [
        'Q55: a root field that is never included',
        { query: 'subscription { messageReceived @skip(if: true) { id } }' },
        'GRAPHQL_VALIDATION_FAILED',
      ],
    ])('answers %s with an error; the socket stays open', async (_, payload, code) => {
      const raw = await sockets.ready();
      raw.send({ type: 'subscribe', id: 'bad', payload });
      expect(await raw.frame(1)).toMatchObject({ type: 'error', id: 'bad', payload: [{ extensions: { code } }] });
      raw.send({ type: 'subscribe', id: 'good', payload: { query: '{ viewer { id } }' } });
      expect(await raw.frame(2)).toMatchObject({ type: 'next', id: 'good' });
    });

    it.each([
      ['a variable of a wrong type', { variables: { i: 1.5 } }],
      ['a missing variable', {}],
      ['an argument that breaks a rule', { variables: { i: ['a b'] } }],
    ])('answers %s with a result of errors, and completes', async (_, rest) => {
      const raw = await sockets.ready();
      const query = 'subscription ($i: [ID!]!) { presenceUpdated(userIds: $i) { status } }';
      raw.send({ type: 'subscribe', id: 'bad', payload: { query, ...rest } });
      const errors = [{ extensions: { code: 'BAD_USER_INPUT' } }];
      expect(await raw.frame(1)).toMatchObject({ type: 'next', id: 'bad', payload: { errors } });
      expect(await raw.frame(2)).toEqual({ type: 'complete', id: 'bad' });
    });

    it('a result and its complete are sent in one write', async () => {
      const raw = await sockets.ready();
      const port = Number(new URL(sockets.service.wsUrl).port);
      const ask = async (): Promise<void> => {
        raw.send({ id: 'q', type: 'subscribe', payload: { query: '{ __typename }' } });
        expect([(await raw.frame(1))['type'], (await raw.frame(2))['type']]).toEqual(['next', 'complete']);
      };
      expect(await countWrites(ask, ({ localPort }) => localPort === port)).toBe(1);
    });

    it('W75: carries at most 100 subscriptions', async () => {
      const client = await sockets.service.connect('alice');
      for (let n = 0; n < LIMITS.subscriptionsPerSocket; n += 1) {
        client.client.subscribe(
          { query: 'subscription { messageReceived { id } }' },
          { next() {}, error() {}, complete() {} },
        );
      }
      const over = await client.subscribe('subscription { messageReceived { id } }');
      const message = expect.stringContaining(`at most ${LIMITS.subscriptionsPerSocket} subscriptions`);
      expect(over.errors).toMatchObject([{ message, extensions: { code: 'BAD_USER_INPUT' } }]);
      expect(await sockets.metric(CARRIED)).toBe(LIMITS.subscriptionsPerSocket);
      await client.close();
      await eventually(async () => expect(await sockets.metric(CARRIED)).toBe(0));
    });

    it('a session that is created on it has the User-Agent of its handshake', async () => {
      const raw = await sockets.open(['graphql-transport-ws'], { 'user-agent': 'Test/2' });
      raw.send({ type: 'connection_init', payload: { token: await sockets.service.token('carol') } });
      await raw.frame(0);
      const query = 'mutation { createSession(input: { deviceId: "p" }) { session { userAgent } } }';
      raw.send({ id: 's', type: 'subscribe', payload: { query } });
      expect(await raw.frame(1)).toMatchObject({
        payload: { data: { createSession: { session: { userAgent: 'Test/2' } } } },
      });
    });

    it('W70, W71: an id may be reused at once after complete, any number of times, without a leak', async () => {
      const raw = await sockets.ready();
      const query = 'subscription { messageReceived { id } }';
      for (let n = 0; n < 200; n += 1) {
        raw.send({ type: 'subscribe', id: 'again', payload: { query } });
        raw.send({ type: 'complete', id: 'again' });
      }
      for (const id of ['__proto__', 'constructor', 'toString']) {
        raw.send({ type: 'subscribe', id, payload: { query: '{ __typename }' } });
      }
      await eventually(() => expect(raw.frames.filter(({ type }) => type === 'complete')).toHaveLength(3));
      expect(await sockets.metric(CARRIED)).toBe(0);
      raw.send({ type: 'subscribe', id: 'twice', payload: { query } });
      raw.send({ type: 'subscribe', id: 'twice', payload: { query } });
      expect(await raw.closed).toBe(CLOSE_CODES.SUBSCRIBER_ALREADY_EXISTS);
    });
  });

  describe('violations of the protocol', () => {
    it.each([
      ['no JSON', '{'],
      ['a list', []],
      ['null', 'null'],
      ['no type', {}],
      ['a type that is a number', { type: 1 }],
      ['a frame only servers send', { type: 'next', id: '1', payload: {} }],
      ['an acknowledgement', { type: 'connection_ack' }],
      ['a subscribe without payload', { type: 'subscribe', id: '1' }],
    ])('closes with 4400 at %s; others stay open', async (_, frame) => {
      const other = await sockets.ready('bob');
      const raw = await sockets.ready();
      raw.send(frame);
      expect(await raw.closed).toBe(CLOSE_CODES.BAD_REQUEST);
      other.send({ type: 'ping' });
      expect(await other.frame(1)).toEqual({ type: 'pong' });
    });

    it('closes with 4400 at binary frames and 1009 at frames over the cap', async () => {
      const binary = await sockets.ready();
      binary.socket.send(Buffer.from([0xff]));
      expect(await binary.closed).toBe(CLOSE_CODES.BAD_REQUEST);
      const large = await sockets.ready();
      const reason = new Promise((resolve) => large.socket.once('close', (_, text) => resolve(text.toString())));
      large.send('x'.repeat(131_073));
      expect(await large.closed).toBe(CLOSE_CODES.TOO_BIG);
      expect(await reason).toBe('A frame longer than MAX_MESSAGE_BYTES');
    });

    it('treats an empty string or null as an absent value, as over HTTP', async () => {
      const raw = await sockets.ready();
      for (const [index, empty] of ['', null].entries()) {
        const payload = {
          query: 'query Q { viewer { id } }',
          operationName: empty,
          variables: empty,
          extensions: empty,
        };
        raw.send({ type: 'subscribe', id: `${index}`, payload });
        expect(await raw.frame(1 + 2 * index)).toMatchObject({ type: 'next', payload: { data: { viewer: {} } } });
      }
    });

    it('G10, W74: closes a peer that sends more frames than can be handled', async () => {
      const raw = await sockets.ready();
      const { socket } = raw;
      (socket as unknown as { _socket: { cork(): void; uncork(): void } })._socket.cork();
      for (let n = 0; n < 20_000; n += 1) raw.send({ type: 'ping' });
      (socket as unknown as { _socket: { cork(): void; uncork(): void } })._socket.uncork();
      await eventually(() => {
        // Its own goodbye is behind what nobody reads any more: it is cut off.
        sockets.service.clock.advance(TIMES.terminateMs / 10);
        expect(socket.readyState).toBe(socket.CLOSED);
      });
      expect(await raw.closed).toBe(CLOSE_CODES.TOO_MANY);
    });
  });
});
