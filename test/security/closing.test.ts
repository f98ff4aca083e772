/** The end of a peer, by any cause and during anything, does not affect others. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IS_FULL } from '../faults/settings.ts';
import { eventually } from '../support/eventually.ts';
import { openPeer, type PeerClient } from './closing/peers.ts';
import { type Node, startNode } from './closing/start-node.ts';

/** More than the kernel holds for a reader who does not read. */
const MESSAGES = 600;
const BYTES = 30_000;
const SLOW = ['graphql-ws', 'sse', 'multipart', 'raw'] as const;

/** How a replay that nobody reads is ended. The last two are tried with every change. */
const ENDS: Record<string, (node: Node, peers: PeerClient[], session: string) => Promise<unknown>> = {
  'TCP reset': async (_node, peers) => peers.map((peer) => peer.reset()),
  'its client’s half close': async (_node, peers) => peers.map((peer) => peer.halfClose()),
  'an expired token': (node) => node.ask('advance', 500_000),
  'removal from the conversation': (node) =>
    node.query('alice', 'mutation { removeMember(id: "long", userId: "bob") { id } }'),
  'a revoked session': (node, _peers, id) =>
    node.query('bob', 'mutation ($id: ID!) { revokeSession(id: $id) { id } }', { id }),
  drain: async () => undefined,
};

describe('the end of a peer during a replay that it does not read', () => {
  let folder: string;
  let node: Node;
  let peers: PeerClient[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'closing-'));
    node = await startNode({ DATA_DIR: folder, CLIENT_TIMEOUT: '20h', HEARTBEAT_INTERVAL: '10h' });
  });
  afterEach(async () => {
    for (const peer of peers) peer.reset();
    await node.kill();
    await rm(folder, { recursive: true });
  });

  it.each(Object.keys(ENDS).slice(IS_FULL ? 0 : -2))(
    'F43, G10: by %s: the event loop turns, gauges return to 0, SIGTERM ends it',
    async (by) => {
      const after = (await node.ask('fill', 'long', ['alice', 'bob'], MESSAGES, BYTES)) as string;
      const create = 'mutation { createSession(input: {deviceId: "phone"}) { accessToken session { id } } }';
      const { accessToken, session } = (await node.query('bob', create)).createSession;
      const expiresAt = Math.floor(Date.now() / 1_000) + 300;
      const token = by === 'a revoked session' ? accessToken : await node.token('bob', { expiresAt });
      peers = await Promise.all(
        SLOW.map((transport) => openPeer(transport, node, { token, conversationId: 'long', after })),
      );
      await eventually(() => expect(peers.map(({ isAccepted }) => isAccepted)).toEqual(peers.map(() => true)));
      for (const peer of peers) peer.stopReading();
      await eventually(async () =>
        expect(await node.gauge('realtime_queued_bytes')).toBeGreaterThan(100_000 * peers.length),
      );
      await ENDS[by]?.(node, peers, session.id);
      if (by !== 'drain') {
        await eventually(async () => {
          await node.ask('advance', 100);
          expect(await node.gauge('realtime_subscriptions')).toBe(by.startsWith('removal') ? 1 : 0);
          if (!by.startsWith('removal')) expect(await node.gauge('realtime_connections')).toBe(0);
        }, 20_000);
      }
      expect(await node.stop()).toBe(0);
    },
    90_000,
  );
});
