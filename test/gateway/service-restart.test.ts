/**
 * The service is killed, or stopped, and started again behind Hive Gateway: every subscription ends with an error on
 * which its client reconnects. None hangs, and none stays open, since it would miss the events sent meanwhile.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signToken } from '../../src/access/tokens.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { type Gateway, MODES, placeForGateway, startGateway } from '../support/gateway.ts';
import { openStream, type RawStream } from '../support/http-stream.ts';
import { type Program, startProgram } from '../support/process.ts';
import { SECRET } from '../support/service.ts';

const SUBSCRIPTIONS = 100;
const SEND = 'mutation ($text: String!) { sendMessage(input: { conversationId: "kept", content: $text }) { id } }';
const QUERY = 'subscription { messageReceived(conversationIds: ["kept"]) { content } }';

describe.each(MODES)('a service that restarts behind Hive Gateway subscribing by %s', (mode) => {
  let dir: string;
  let env: Record<string, string>;
  let realtimeUrl: string;
  let service: Program;
  let gateway: Gateway;
  let token: string;
  const start = () => startProgram('src/main.ts', env, /service started/);

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'realtime-gateway-'));
    const place = await placeForGateway();
    const port = await freePort();
    realtimeUrl = `http://127.0.0.1:${port}`;
    env = {
      PORT: String(port),
      DATA_DIR: dir,
      JWT_SECRET: SECRET,
      RATE_LIMIT_ENABLED: 'false',
      MAX_CONNECTIONS_PER_USER: '1000',
      CALLBACK_ALLOWED_URLS: `${place.url}/callback`,
      DRAIN_WINDOW: '0ms',
    };
    service = await start();
    gateway = await startGateway(place, realtimeUrl, { SUBSCRIPTION_MODE: mode });
    token = await signToken({ secret: SECRET, userId: 'alice', expiresAt: Math.floor(Date.now() / 1_000) + 3_600 });
    await gateway.query(token, 'mutation { createConversation(input: { id: "kept" }) { id } }');
  });
  afterAll(async () => {
    await gateway.close();
    await service.stop('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  });

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    `F41: %s: each of ${SUBSCRIPTIONS} subscriptions ends with an error on which its client reconnects`,
    async (signal) => {
      const opening = Array.from({ length: SUBSCRIPTIONS }, () => openStream(gateway, token, { query: QUERY }));
      const streams: RawStream[] = await Promise.all(opening);
      await eventually(async () => {
        const metrics = await (await fetch(`${realtimeUrl}/metrics`)).text();
        expect(metrics).toMatch(new RegExp(`^realtime_subscriptions\\{.*\\} ${SUBSCRIPTIONS}$`, 'm'));
      });
      await gateway.query(token, SEND, { text: 'before' });
      await eventually(() => {
        for (const stream of streams) expect(stream.text).toContain('before');
      });

      await service.stop(signal);
      const { errors } = await gateway.query(token, '{ viewer { id } }');
      expect(errors[0].extensions).toMatchObject({ code: 'SERVICE_UNAVAILABLE', retryAfterMs: expect.any(Number) });
      service = await start();
      await eventually(async () => {
        await gateway.query(token, SEND, { text: 'back again' });
        expect(streams.filter(({ end }) => end === null)).toEqual([]);
      });
      const outcomeOf = ({ text }: RawStream): string =>
        text.includes('back again') ? 'went on' : (/"code":"(\w+)"/.exec(text)?.[1] ?? 'no code');
      expect(new Set(streams.map(outcomeOf))).toEqual(new Set(['SERVICE_UNAVAILABLE']));
      for (const stream of streams) stream.stop();
    },
    90_000,
  );
});
