/** An event that cannot be rendered while the engine is away is neither lost nor skipped (G05). */

import { Redis } from 'ioredis';
import { nextTurn } from '../../src/clock.ts';
import { resumeNow } from '../../src/delivery/back-pressure.ts';
import { EventQueue } from '../../src/delivery/event-queue.ts';
import { RenderedStream } from '../../src/delivery/rendered-stream.ts';
import { eventually } from '../support/eventually.ts';
import { metric } from '../support/metrics.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { newId, startTestService, type TestService } from '../support/service.ts';
import { TestClock } from '../support/test-clock.ts';

const SHARED = `subscription ($ids: [ID!], $after: [ID!]) {
  messageReceived(conversationIds: $ids, after: $after) { sequence position conversation { lastSequence } }
}`;
const PER_VIEWER = SHARED.replace('lastSequence', 'lastSequence unreadMessageCount');

describe('an event whose rendering the engine refuses', () => {
  let redis: RedisServer;
  let admin: Redis;
  let here: TestService;
  let there: TestService;
  const clock = new TestClock();
  beforeAll(async () => {
    redis = await startRedisServer();
    admin = new Redis(redis.url);
    await admin.call('ACL', 'SETUSER', 'there', 'on', '>pass', '~*', '&*', '+@all');
    here = await startTestService({ env: { REDIS_URL: redis.url } });
    there = await startTestService({ env: { REDIS_URL: redis.url.replace('//', '//there:pass@') }, clock });
  });
  afterEach(() => admin.call('ACL', 'SETUSER', 'there', '+@all'));
  afterAll(async () => {
    await Promise.all([here.close(), there.close()]);
    admin.disconnect();
    await redis.stop();
  });

  /** What the node `there` asks is refused from now on; what is announced still reaches it. */
  const refuse = () => admin.call('ACL', 'SETUSER', 'there', '-evalsha', '-eval', '-hget');
  const failures = (): Promise<number> => metric(there.url, 'realtime_engine_failures_total');
  async function group(): Promise<string> {
    const id = newId();
    const create = 'mutation ($id: ID!) { createConversation(input: { id: $id, memberIds: ["bob"] }) { id } }';
    await here.query('alice', create, { id });
    return id;
  }
  async function send(conversationId: string): Promise<void> {
    const query = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id } }';
    const { errors } = await here.query('alice', query, { input: { conversationId, content: 'x' } });
    expect(errors).toBeUndefined();
  }

  it.each([
    ['for all', SHARED],
    ['for one viewer', PER_VIEWER],
  ])('rendered %s: is rendered in order once the engine answers again', async (_audience, query) => {
    const [id, bob] = [await group(), await there.connect('bob')];
    const heard = await bob.subscribe(query, { ids: [id] });
    await send(id);
    await heard.count(1);
    await refuse();
    const before = await failures();
    await send(id);
    await send(id);
    await eventually(async () => expect(await failures()).toBeGreaterThan(before));
    await admin.call('ACL', 'SETUSER', 'there', '+@all');
    const events = await heard.count(3);
    expect(events.map(({ messageReceived }) => messageReceived.sequence)).toEqual([1, 2, 3]);
    expect(heard.errors).toEqual([]);
    await bob.close();
  });

  it.each([
    ['for all', SHARED],
    ['for one viewer', PER_VIEWER],
  ])(
    'rendered %s: ends the stream when the engine stays away, and the client resumes before it',
    async (_audience, query) => {
      const [id, bob] = [await group(), await there.connect('bob')];
      const heard = await bob.subscribe(query, { ids: [id] });
      await send(id);
      const [first] = await heard.count(1);
      await refuse();
      const before = await failures();
      await send(id);
      await eventually(async () => expect(await failures()).toBeGreaterThan(before));
      await eventually(async () => {
        clock.advance(1_000);
        // What was written to the socket has arrived: else so many seconds would be those of a slow reader.
        await bob.query('{ __typename }');
        expect(heard.isOver).toBe(true);
      });
      expect(heard.errors).toMatchObject([{ extensions: { code: 'SERVICE_UNAVAILABLE' } }]);
      await admin.call('ACL', 'SETUSER', 'there', '+@all');
      const again = await bob.subscribe(query, { ids: [id], after: [first.messageReceived.position] });
      expect((await again.next()).messageReceived).toMatchObject({ sequence: 2 });
      await bob.close();
    },
  );
});

describe('an event whose rendering has a fault', () => {
  function rendered(render: () => Promise<Buffer>) {
    const events = new EventQueue<object>({ onQueueEnd: () => undefined });
    const stream = new RenderedStream(events, { render, release: () => undefined }, new TestClock());
    const ends: unknown[] = [];
    stream.pipe({
      deliver: () => undefined,
      end: (error) => void ends.push(error?.code),
      isCongested: () => false,
      onRoom: resumeNow,
    });
    return { events, stream, ends };
  }

  it('ends its stream with an error, once', async () => {
    const { events, ends } = rendered(() => {
      throw new Error('broken');
    });
    events.push({});
    events.push({});
    expect(ends).toEqual(['INTERNAL_SERVER_ERROR']);
  });

  it('is no end of a stream that was closed before', async () => {
    const { promise, reject } = Promise.withResolvers<Buffer>();
    const { events, stream, ends } = rendered(() => promise);
    events.push({});
    stream.close();
    reject(new Error('broken'));
    await expect(promise).rejects.toThrow('broken');
    await nextTurn();
    expect(ends).toEqual([]);
  });
});
