/**
 * The objects that a subscribed socket holds, counted by kind, as a measure of its memory: a closure with its context
 * is as large as a small object, and a promise, a timer or an empty `Set` is larger. One more of a kind for each
 * socket fails here.
 */
import { signToken } from '../../src/access/tokens.ts';
import { eventually } from '../support/eventually.ts';
import { type Heap, INSPECTED, inspectHeap } from '../support/heap.ts';
import { metric } from '../support/metrics.ts';
import type { Program } from '../support/process.ts';
import { SECRET } from '../support/service.ts';
import { startServiceProcess } from '../support/service-process.ts';
import { openSocket, type RawSocket } from '../support/socket.ts';

/** Before anything is counted: caches are full and shapes known. */
const WARM = 40;
const COUNTED = 100;
const HOUR_S = 3_600;

/** At most so many of each kind for each socket: three of the functions and all arrays are of ws and Node. */
const MOST: Readonly<Record<string, number>> = {
  'Function.prototype': 6,
  'Promise.prototype': 0,
  'Set.prototype': 0,
  'Map.prototype': 0,
  'Array.prototype': 8,
  'setTimeout(() => {}).unref().constructor.prototype': 0,
};

const WATCH = 'subscription ($ids: [ID!]) { messageReceived(conversationIds: $ids) { id sequence content } }';

/** The same of `/ws`, which keeps the places of its client. */
const MOST_OF_RAW: typeof MOST = {
  'Function.prototype': 20,
  'Promise.prototype': 1,
  'Set.prototype': 5,
  'Map.prototype': 4,
  'Array.prototype': 9,
  'setTimeout(() => {}).unref().constructor.prototype': 0,
};

describe('a socket', () => {
  let program: Program;
  let heap: Heap;
  let url: string;
  let token: string;
  const sockets: RawSocket[] = [];

  beforeAll(async () => {
    const started = await startServiceProcess({
      MAX_CONNECTIONS_PER_USER: '1000',
      RATE_LIMIT_CONNECTIONS: '100000',
      NODE_OPTIONS: INSPECTED,
    });
    program = started.program;
    heap = await inspectHeap(program);
    url = `${started.address}/graphql`;
    const expiresAt = Math.floor(Date.now() / 1_000) + HOUR_S;
    token = await signToken({ secret: SECRET, userId: 'alice', expiresAt });
    await post('mutation { createConversation(input: { id: "room" }) { id } }');
  });
  afterAll(async () => {
    for (const { socket } of sockets) socket.terminate();
    heap?.close();
    await program?.stop();
  });

  async function post(query: string): Promise<void> {
    const response = await fetch(`http://${url}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query }),
    });
    expect(await response.json()).not.toHaveProperty('errors');
  }

  async function subscribe(count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) {
      const opened = await openSocket(`ws://${url}`, ['graphql-transport-ws']);
      sockets.push(opened);
      opened.send({ type: 'connection_init', payload: { token } });
      await opened.frame(0);
      opened.send({
        id: `subscription-${sockets.length}`,
        type: 'subscribe',
        payload: { query: WATCH, variables: { ids: ['room'] } },
      });
    }
    const service = `http://${url.replace('/graphql', '')}`;
    await eventually(async () => expect(await metric(service, 'realtime_subscriptions')).toBe(sockets.length));
    // All of them hear it, and have written then.
    const before = sockets.map(({ frames }) => frames.length);
    await post('mutation { sendMessage(input: { conversationId: "room", content: "hello" }) { id } }');
    await Promise.all(sockets.map((each, index) => each.frame(before[index] ?? 0)));
  }

  async function connectRaw(count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) {
      const opened = await openSocket(`ws://${url.replace('/graphql', '/ws')}?token=${token}&device_id=${n}`, []);
      sockets.push(opened);
      await opened.frame(0);
    }
  }

  /** More of each kind for each of the sockets that `open` opens. */
  async function heldByEach(open: (count: number) => Promise<void>): Promise<Record<string, number>> {
    const kinds = Object.keys(MOST);
    // The least of some readings: what only passes is not held.
    const countOf = async (kind: string): Promise<number> =>
      Math.min(await heap.count(kind), await heap.count(kind), await heap.count(kind));
    const counts = async (): Promise<number[]> => {
      const found: number[] = [];
      for (const kind of kinds) found.push(await countOf(kind));
      return found;
    };
    await open(WARM);
    const before = await counts();
    await open(COUNTED);
    const after = await counts();
    const more = kinds.map((_, index) => Math.round(((after[index] ?? 0) - (before[index] ?? 0)) / COUNTED));
    return Object.fromEntries(kinds.map((kind, index) => [kind, more[index] ?? Number.NaN]));
  }

  it.each([
    ['graphql-ws', () => subscribe, MOST],
    ['/ws', () => connectRaw, MOST_OF_RAW],
  ])('of %s holds at most the expected number of objects of each kind', async (_name, open, most) => {
    const held = await heldByEach(open());
    const over = Object.entries(held).filter(([kind, count]) => count > (most[kind] ?? 0));
    expect({ over, held }).toEqual({ over: [], held });
  });
});
