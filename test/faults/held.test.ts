/** Input that begins and never ends is cut off by a deadline, which the clock of the test reaches. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { generateKeyPair, SignJWT } from 'jose';
import { readConfig } from '../../src/config.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { connectRaw } from '../support/raw-client.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';
import { openSocket } from '../support/socket.ts';
import { StillClock } from '../support/still-clock.ts';
import { type FrameParts, OPCODES } from '../support/tcp-web-socket.ts';
import { openBoth } from './inputs/frames.ts';

const CLIENT_TIMEOUT_MS = 60_000;
/** As transport/upgrade.ts says. */
const MOST_FRAGMENTS = Math.ceil(readConfig({}).maxMessageBytes / LIMITS.fragmentBytes);
const FIRST: FrameParts = { opcode: OPCODES.text, payload: '{', isFinal: false };
const NEXT: FrameParts = { opcode: OPCODES.continuation, payload: ' ', isFinal: false };

describe('fragments without an end, at both WebSocket endpoints', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService();
  });
  afterAll(() => service.close());
  const open = () => openBoth({ token: service.token, port: service.service.port });

  it('R88: without pongs: 4408 after CLIENT_TIMEOUT, after any number of fragments', async () => {
    const both = await open();
    for (const { send } of both) send(FIRST);
    for (let half = 0; half < 2; half += 1) {
      for (const { send } of both) send(NEXT, NEXT);
      service.clock.advance(CLIENT_TIMEOUT_MS / 2 + 1_000);
    }
    expect(await Promise.all(both.map(({ closed }) => closed))).toEqual([4408, 4408]);
  });

  it('R88: with pongs: 1008 after as many as a message of thousand-byte fragments has', async () => {
    const both = await open();
    const pong: FrameParts = { opcode: OPCODES.pong };
    for (const { send } of both)
      send(
        FIRST,
        ...Array<FrameParts[]>(MOST_FRAGMENTS - 1)
          .fill([NEXT, pong])
          .flat(),
      );
    for (const { send, pongs } of both) {
      send({ opcode: OPCODES.ping });
      await eventually(() => expect(pongs()).toBe(1));
    }
    for (const { send } of both) send(NEXT);
    expect(await Promise.all(both.map(({ closed }) => closed))).toEqual([1008, 1008]);
  });
});

it('W66: a JWKS endpoint that never answers: 4408 on sockets at the deadline, 503 over HTTP', async () => {
  let asked = 0;
  const silent = createServer(() => {
    asked += 1;
  });
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/keys`;
  const service = await startTestService({ env: { JWT_JWKS_URL: url } });
  const { privateKey } = await generateKeyPair('ES256');
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid: 'x' })
    .setSubject('alice')
    .setExpirationTime('1h')
    .sign(privateKey);
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const request = fetch(`${service.url}/graphql`, { method: 'POST', headers, body: '{"query":"{ viewer { id } }"}' });
  const graphql = await openSocket(service.wsUrl, ['graphql-transport-ws']);
  graphql.send({ type: 'connection_init', payload: { token } });
  const raw = await openSocket(`${service.url.replace('http', 'ws')}/ws?token=${token}`, []);
  await eventually(() => expect(asked).toBeGreaterThan(0));
  await eventually(() => {
    service.clock.advance(1_000);
    expect(graphql.socket.readyState + raw.socket.readyState).toBe(2 * raw.socket.CLOSED);
  });
  expect(await Promise.all([graphql.closed, raw.closed])).toEqual([4408, 4408]);
  expect((await request).status).toBe(503);
  await service.close();
  silent.close();
  silent.closeAllConnections();
});

it('R99: the typing state of a socket that was cut off during a flood of Typing frames expires', async () => {
  const service = await startTestService({ env: { RATE_LIMIT_ENABLED: 'true' }, clock: new StillClock() });
  const [ann, ben, room] = [newId(), newId(), newId()];
  const [typist, other] = [await connectRaw(service, ann), await connectRaw(service, ben)];
  await typist.ask('CreateRoom', { room });
  await other.ask('JoinRoom', { room });
  for (let n = 0; n < 1_000; n += 1) typist.send({ type: 'Typing', data: { conversation_id: room, is_typing: true } });
  // Frames are handled in order: all were taken, and the socket is as open as before.
  await typist.ask('Ping', {});
  typist.socket.terminate();
  const typing = (): Data[] => other.of('Typing').map(({ is_typing }) => is_typing);
  await eventually(() => expect(typing()).toContain(true));
  await eventually(() => {
    service.clock.advance(TIMES.typingMs);
    expect(typing().at(-1)).toBe(false);
  });
  // A few of the thousand: the rate, and what was held back.
  expect(typing().length).toBeLessThan(100);
  await other.close();
  await service.close();
});
