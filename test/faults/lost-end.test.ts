/** Redis comes back without its latest: clients that hold it are told. */
import { Redis } from 'ioredis';
import type { TestClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import type { Data } from '../support/service.ts';
import { type FaultWorld, startWorld } from './world.ts';

const RECEIVED = `subscription ($ids: [ID!], $after: [ID!]) {
  messageReceived(conversationIds: $ids, after: $after) { id content sequence position }
}`;

describe('a log that lost its end', () => {
  let world: FaultWorld;
  let alice: TestClient;
  let bob: TestClient;
  beforeAll(async () => {
    world = await startWorld();
    alice = (await world.nodes[0]?.connect('alice')) as TestClient;
    bob = (await world.nodes[1]?.connect('bob')) as TestClient;
  });
  afterAll(async () => {
    await alice.close();
    await bob.close();
    await world.close();
  });

  async function send(content: string): Promise<Data> {
    const query = `mutation { sendMessage(input: {conversationId: "lost", content: "${content}", clientMessageId: "${content}"}) { id sequence position } }`;
    return eventually(async () => {
      const { data, errors } = await alice.query(query);
      if (errors) throw new Error(errors[0].message);
      return data.sendMessage;
    });
  }

  it('G04: no position names two events, and who holds what is lost is told', async () => {
    await alice.query('mutation { createConversation(input: {id: "lost", memberIds: ["bob"]}) { id } }');
    const live = await bob.subscribe(RECEIVED, { ids: ['lost'] });
    const kept = await send('kept');
    const redis = new Redis(world.redis.url);
    await redis.save();
    redis.disconnect();
    const lost = await send('gone');
    await live.count(2);
    await world.redis.restart();
    const after = await send('after');
    expect(after.sequence).toBe(lost.sequence);
    expect(after.position).not.toBe(lost.position);
    await eventually(() => expect(live.errors[0]?.extensions.code).toBe('POSITION_EXPIRED'), 20_000);
    expect(live.events).toHaveLength(2);

    const diverged = await bob.subscribe(RECEIVED, { ids: ['lost'], after: [lost.position] });
    await eventually(() =>
      expect(diverged.errors[0]?.extensions).toEqual({ code: 'POSITION_EXPIRED', reason: 'DIVERGED' }),
    );
    const resumed = await bob.subscribe(RECEIVED, { ids: ['lost'], after: [kept.position] });
    expect((await resumed.next()).messageReceived).toMatchObject({ content: 'after', position: after.position });
  }, 60_000);
});
