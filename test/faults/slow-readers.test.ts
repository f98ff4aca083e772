/** Some clients stop reading: they are cut off at their cap and resume fully; the others do not notice. */

import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { eventually } from '../support/eventually.ts';
import { metric } from '../support/metrics.ts';
import { judge } from './checker.ts';
import type { History, Seen } from './history.ts';
import { Load, post, tokenOf } from './load.ts';
import { createRandom } from './random.ts';
import { SEEDS, SIZE, TEST_MS } from './settings.ts';
import { type Subscriber, subscribe } from './subscriber.ts';
import { type FaultWorld, startWorld } from './world.ts';

/** As many bytes as a message may have. How many messages a kernel holds for a reader who does not read is its own affair. */
const CONTENT = '€'.repeat(7_900);
const SENDERS = 10;
/** Sent between two looks at who was closed. */
const BURST = 50;
const SEND = `mutation ($input: SendMessageInput!) {
  sendMessage(input: $input) { id conversationId sequence position clientMessageId }
}`;
const QUERY_ALL = `subscription ($ids: [ID!], $after: [ID!]) {
  messageReceived(conversationIds: $ids, after: $after) { id conversationId sequence position clientMessageId content }
}`;

describe.each(SEEDS)('slow readers, seed %i', (seed) => {
  let world: FaultWorld;
  let load: Load;
  beforeEach(async () => {
    world = await startWorld();
    load = await Load.start(world.nodes, createRandom(seed));
  });
  afterEach(async () => {
    await load.close();
    await world.close();
  });

  it(
    `G10, F36: ${SIZE.slow} stalled readers are closed with 1013 and resume fully; others miss nothing`,
    async () => {
      const { url = '', wsUrl = '' } = world.nodes[0] ?? {};
      const token = await tokenOf('writer');
      const id = randomUUID();
      const create = `mutation ($input: CreateConversationInput!) { createConversation(input: $input) { position } }`;
      const { data } = await post(url, token, create, { input: { id } });
      const sockets: WebSocket[] = [];
      class StallingSocket extends WebSocket {
        constructor(...args: ConstructorParameters<typeof WebSocket>) {
          super(...args);
          sockets.push(this);
        }
      }
      const slow: Subscriber[] = Array.from({ length: SIZE.slow }, () =>
        subscribe({
          url: () => wsUrl,
          token,
          conversationId: id,
          position: data.createConversation.position,
          query: QUERY_ALL,
          webSocketImpl: StallingSocket,
        }),
      );
      const history: History = { acknowledged: [], refusals: [], heard: slow.map(({ heard }) => heard) };
      const send = async (): Promise<void> => {
        const input = { conversationId: id, content: CONTENT, clientMessageId: randomUUID() };
        // To a node on a busy machine its engine may seem to be away: the same key again, as clients do.
        const sent = await eventually(async () => {
          const { data, errors } = await post(url, token, SEND, { input });
          return (data?.sendMessage as Seen | undefined) ?? Promise.reject(new Error(JSON.stringify(errors)));
        });
        history.acknowledged.push(sent);
      };
      /** Of those the service cut off, as it counts them. */
      const closedInAll = (): Promise<number> => metric(url, 'realtime_socket_closes_total{code="1013"}');
      await send();
      await eventually(() => expect(history.heard.every(({ events }) => events.length === 1)).toBe(true));
      // Who came while the engine seemed to be away was told by the same code to come again.
      const closedBefore = await closedInAll();
      const closed = async (): Promise<number> => (await closedInAll()) - closedBefore;
      for (const socket of sockets) socket.pause();
      while ((await closed()) < SIZE.slow)
        for (let n = 0; n < BURST; n += SENDERS) await Promise.all(Array.from({ length: SENDERS }, send));
      await load.goesOn();
      expect(await load.verdict()).toEqual([]);
      expect(load.closes()).toEqual([]);
      expect(await closed()).toBe(SIZE.slow);
      for (const socket of sockets) socket.resume();
      await eventually(() => expect(judge(history)).toEqual([]), TEST_MS);
      // Who reads so late that the service no longer waits for its answer finds the connection cut.
      const codes = history.heard.flatMap(({ closes }) => closes);
      expect(codes.filter((code) => code !== 1013 && code !== 1006)).toEqual([]);
      expect(history.heard.filter(({ closes }) => closes.length === 0)).toEqual([]);
      await Promise.all(slow.map(({ client }) => client.dispose()));
    },
    TEST_MS,
  );
});
