/** The end of a socket at `/graphql`: token, silence, slow consumer, drain. */
import { CLOSE_CODES } from '../../src/errors.ts';
import { TIMES } from '../../src/limits.ts';
import { connectClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { holdAnswers } from '../support/held-engine.ts';
import { manyTimes } from '../support/many-times.ts';
import { newId, startTestService } from '../support/service.ts';
import { CARRIED, GraphqlSockets } from './graphql-sockets.ts';

/** Less than a token lives. */
const JUMP_MS = 1_800_000;

describe('WS /graphql', () => {
  const sockets = new GraphqlSockets();

  describe('the end', () => {
    it('W80: closes with 4403 when the token expires', async () => {
      const client = await sockets.service.connect('alice', {
        expiresAt: Math.floor(sockets.service.clock.now() / 1_000) + 10,
      });
      sockets.service.clock.advance(10_000 + TIMES.clockToleranceMs);
      await eventually(() => {
        sockets.service.clock.advance(1_000);
        expect(client.closes).toMatchObject([{ code: CLOSE_CODES.TOKEN_EXPIRED }]);
      });
    });

    it('F43: a subscription that was being opened leaves nothing behind', async () => {
      const raw = await sockets.ready();
      const engine = holdAnswers(sockets.service.service.engine);
      engine.hold(0);
      raw.send({ type: 'subscribe', id: 'late', payload: { query: 'subscription { messageReceived { id } }' } });
      await eventually(() => expect(engine.held).not.toBeNull());
      raw.socket.terminate();
      await eventually(async () =>
        expect(await sockets.metric('realtime_connections{transport="graphql_ws"}')).toBe(0),
      );
      engine.release();
      await eventually(async () => expect(await sockets.metric(CARRIED)).toBe(0));
    });

    it.each([0, JUMP_MS, -JUMP_MS])(
      'F25, F37: with the clock set by %i ms it pings, and closes a silent peer with 4408',
      async (ms) => {
        const raw = await sockets.ready();
        sockets.service.clock.jump(ms);
        let pings = 0;
        raw.socket.on('ping', () => {
          pings += 1;
        });
        sockets.service.clock.advance(31_000);
        await eventually(() => expect(pings).toBeGreaterThan(0));
        raw.socket.pause();
        const { closed } = raw;
        sockets.service.clock.advance(61_000);
        raw.socket.resume();
        expect(await closed).toBe(CLOSE_CODES.TIMEOUT);
        sockets.service.clock.jump(-ms);
      },
    );

    it('G10: closes a peer that does not read with 1013; others receive everything', async () => {
      const group = newId();
      const writer = await sockets.service.connect('alice');
      await writer.query(
        `mutation { createConversation(input: { id: "${group}", memberIds: ["bob", "slow"] }) { id } }`,
      );
      const received = (fields: string): string =>
        `subscription { messageReceived(conversationIds: ["${group}"]) { ${fields} } }`;
      const good = await sockets.service.connect('bob');
      const heard = await good.subscribe(received('sequence content'));
      const slow = await sockets.ready('slow');
      slow.send({ type: 'subscribe', id: 's', payload: { query: received(manyTimes('content')) } });
      slow.send({ type: 'ping' });
      await slow.frame(1);
      slow.socket.pause();
      const content = '€'.repeat(8_000);
      const send = `mutation { sendMessage(input: { conversationId: "${group}", content: "${content}" }) { id } }`;
      let sent = 0;
      const CLOSED = `realtime_socket_closes_total{code="${CLOSE_CODES.TRY_AGAIN_LATER}"}`;
      const before = await sockets.metric(CLOSED);
      const carried = await sockets.metric(CARRIED);
      // How much the kernel takes for who does not read is nobody's promise.
      while ((await sockets.metric(CARRIED)) === carried) {
        await writer.query(send);
        sent += 1;
        // One that reads keeps up, however slow the machine is.
        await heard.count(sent);
      }
      sockets.service.clock.advance(TIMES.terminateMs);
      await eventually(async () => expect(await sockets.metric(CLOSED)).toBe(before + 1));
      expect((await heard.count(sent)).map((event) => event.messageReceived.sequence)).toEqual(
        Array.from({ length: sent }, (_, index) => index + 1),
      );
      slow.socket.resume();
      await Promise.all([writer.close(), good.close()]);
    });

    it('G10: closes a peer that sends and never reads before its answers are produced', async () => {
      const raw = await sockets.ready();
      raw.socket.pause();
      const ping = JSON.stringify({ type: 'ping', payload: { x: 'x'.repeat(60_000) } });
      for (let n = 0; n < 600; n += 1) raw.send(ping);
      const closed = `realtime_socket_closes_total{code="${CLOSE_CODES.TOO_MANY}"}`;
      const before = await sockets.metric(closed);
      await eventually(async () => {
        // It reads no goodbye either, and is cut off.
        sockets.service.clock.advance(TIMES.terminateMs / 10);
        expect(await sockets.metric(closed)).toBe(before + 1);
      });
      raw.socket.terminate();
    });

    it('G15: drains with 1012, and a client that reconnects misses nothing', async () => {
      const own = await startTestService({ env: { DRAIN_WINDOW: '300ms' } });
      const clients = await Promise.all(
        Array.from({ length: 20 }, async () => connectClient(own.wsUrl, await own.token('alice'))),
      );
      await own.close();
      for (const { closes } of clients)
        await eventually(() => expect(closes).toMatchObject([{ code: CLOSE_CODES.SERVICE_RESTART }]));
      await expect(fetch(`${own.url}/health`)).rejects.toThrow();
    });
  });
});
