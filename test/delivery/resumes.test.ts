/** Many clients that resume at once: one read and one rendering serve all of them. */

import { LIMITS } from '../../src/limits.ts';
import type { TestClient, TestSubscription } from '../support/client.ts';
import { createConversation, send } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { metric, metrics } from '../support/metrics.ts';
import { LONG_SETTINGS, type Nodes, startNodes } from '../support/nodes.ts';
import { StillClock } from '../support/still-clock.ts';

const RESUME = `subscription ($ids: [ID!], $after: [ID!]) {
  messageReceived(conversationIds: $ids, after: $after) { id content sequence }
}`;
const EVENTS = 50;
const CLIENTS = 40;

describe.each(LONG_SETTINGS)('resumes: %s', (setting) => {
  let nodes: Nodes;
  const clock = new StillClock();
  beforeAll(async () => {
    // However long the forty take to come: what was read for them is not old yet.
    nodes = await startNodes(setting, {}, clock);
  });
  afterAll(() => nodes.close());

  const rendersOf = (): Promise<number> => metric(nodes.here.url, 'realtime_renders_total{audience="shared"}');

  it('G06: forty clients that resume at one position cost the renders of one, and see later edits', async () => {
    const alice = await nodes.here.connect('alice');
    const { id } = await createConversation(alice);
    const { position } = await send(alice, id, 'before');
    for (let n = 1; n <= EVENTS; n += 1) await send(alice, id, `event ${n}`);

    const before = await rendersOf();
    const clients: TestClient[] = [];
    const resumed: TestSubscription[] = [];
    const variables = { ids: [id], after: [position] };
    for (let n = 0; n < CLIENTS; n += 1) clients.push(await nodes.here.connect('alice'));
    for (const client of clients) resumed.push(await client.subscribe(RESUME, variables));
    for (const subscription of resumed) {
      const heard = await subscription.count(EVENTS);
      expect(heard.map(({ messageReceived }) => messageReceived.content)).toEqual(
        Array.from({ length: EVENTS }, (_, n) => `event ${n + 1}`),
      );
    }
    expect((await rendersOf()) - before).toBe(EVENTS);
    const counted = ['realtime_resumes_total{outcome="resumed"}', 'realtime_sent_bytes_total'];
    const [resumes = 0, bytes = 0] = await metrics(nodes.here.url, counted);
    expect(resumes).toBeGreaterThanOrEqual(CLIENTS);
    expect(bytes).toBeGreaterThan(CLIENTS * EVENTS * 50);
    const memory = await metric(nodes.here.url, 'realtime_redis_memory_bytes');
    expect(memory > 100_000).toBe(setting !== 'embedded');

    const { messageReceived: last } = resumed[0]?.events.at(-1) ?? {};
    await alice.query('mutation ($id: ID!) { deleteMessage(id: $id) { id } }', { id: last.id });
    const late = await alice.subscribe(RESUME, variables);
    expect((await late.count(EVENTS)).at(-1).messageReceived).toMatchObject({ id: last.id, content: '' });
    for (const client of [alice, ...clients]) await client.close();
  });

  it('the delivery latency counts new messages only, not replays or changes', async () => {
    const measured = (): Promise<number> => metric(nodes.here.url, 'realtime_delivery_latency_seconds_count');
    const alice = await nodes.here.connect('alice');
    const { id } = await createConversation(alice);
    const { position } = await send(alice, id, 'before');
    const live = await alice.subscribe(RESUME, { ids: [id], after: [] });
    const updated = await alice.subscribe('subscription { messageUpdated { id } }');
    const before = await measured();
    const { id: messageId } = await send(alice, id, 'new');
    await live.count(1);
    expect((await measured()) - before).toBe(1);
    const react = 'mutation ($id: ID!) { addReaction(messageId: $id, emoji: "👍") { id } }';
    await alice.query(react, { id: messageId });
    await alice.query(react.replace('add', 'remove'), { id: messageId });
    await updated.count(2);
    await (await alice.subscribe(RESUME, { ids: [id], after: [position] })).count(1);
    expect((await measured()) - before).toBe(1);
    clock.advance(4_000);
    const probed = 'realtime_announcement_lag_seconds_count';
    if (setting === 'embedded') expect(await metric(nodes.here.url, probed)).toBe(0);
    else await eventually(async () => expect(await metric(nodes.here.url, probed)).toBeGreaterThan(0));
    await alice.close();
  });

  it('G06: a replay longer than every queue arrives completely', async () => {
    const alice = await nodes.here.connect('alice');
    const { id } = await createConversation(alice);
    const { position } = await send(alice, id, 'before');
    const total = 2 * LIMITS.queuedEvents + 1;
    for (let n = 1; n <= total; n += 100) {
      const batch = Array.from({ length: Math.min(100, total - n + 1) }, () => send(alice, id, 'x'));
      await Promise.all(batch);
    }
    const resumed = await alice.subscribe(RESUME, { ids: [id], after: [position] });
    const heard = await resumed.count(total);
    expect(heard.map(({ messageReceived }) => messageReceived.sequence)).toEqual(
      Array.from({ length: total }, (_, n) => n + 2),
    );
    await alice.close();
  });
});
