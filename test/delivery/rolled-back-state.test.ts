/** A server that lost its latest data: streams of state show the stored state, not the lost one (G07). */
import { Redis } from 'ioredis';
import type { TestClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { newId, startTestService, type TestService } from '../support/service.ts';

describe('state after a rollback', () => {
  let redis: RedisServer;
  let service: TestService;
  let alice: TestClient;
  beforeEach(async () => {
    redis = await startRedisServer();
    service = await startTestService({ env: { REDIS_URL: redis.url } });
    alice = await service.connect('alice');
  });
  afterEach(async () => {
    await alice.close();
    await service.close();
    await redis.stop();
  });

  async function save(): Promise<void> {
    const admin = new Redis(redis.url);
    await admin.save();
    admin.disconnect();
  }
  /** Tried until the engine is back; the outcome is the same however often it is done. */
  const ok = (query: string) =>
    eventually(async () => {
      const { data, errors } = await service.query('alice', query);
      if (errors) throw new Error(JSON.stringify(errors));
      return data;
    });

  it('conversationUpdated shows the stored name, before and after the next rename', async () => {
    const id = newId();
    await ok(`mutation { createConversation(input: { id: "${id}", name: "kept" }) { id } }`);
    const heard = await alice.subscribe(`subscription { conversationUpdated(conversationIds: ["${id}"]) { name } }`);
    const rename = (name: string) => ok(`mutation { updateConversation(id: "${id}", name: "${name}") { id } }`);
    const shown = () => heard.events.at(-1)?.conversationUpdated.name;
    await save();
    for (let n = 0; n < 10; n += 1) await rename(`lost ${n}`);
    await eventually(() => expect(shown()).toBe('lost 9'));
    await redis.restart();
    await eventually(() => expect(shown()).toBe('kept'));
    for (let n = 0; n < 3; n += 1) await rename(`new ${n}`);
    await eventually(() => expect(shown()).toBe('new 2'));
    expect(heard.errors).toEqual([]);
  });

  it('presenceUpdated shows the stored status, and connected users stay online', async () => {
    const heard = await alice.subscribe('subscription { presenceUpdated(userIds: ["alice"]) { status statusText } }');
    const set = (text: string) => ok(`mutation { setPresence(status: BUSY, statusText: "${text}") { status } }`);
    const shown = () => heard.events.at(-1)?.presenceUpdated;
    await set('kept');
    await save();
    for (let n = 0; n < 10; n += 1) await set(`lost ${n}`);
    await eventually(() => expect(shown()).toEqual({ status: 'BUSY', statusText: 'lost 9' }));
    await redis.restart();
    await eventually(() => expect(shown()).toEqual({ status: 'BUSY', statusText: 'kept' }));
    await set('new');
    await eventually(() => expect(shown()).toEqual({ status: 'BUSY', statusText: 'new' }));
  });

  it('after a FLUSHALL, which cuts no connection, streams show the new state', async () => {
    const id = newId();
    const create = `mutation { createConversation(input: { id: "${id}", name: "one" }) { id } }`;
    await ok(create);
    const heard = await alice.subscribe(`subscription { conversationUpdated(conversationIds: ["${id}"]) { name } }`);
    for (let n = 0; n < 5; n += 1) await ok(`mutation { updateConversation(id: "${id}", name: "old ${n}") { id } }`);
    const admin = new Redis(redis.url);
    await admin.flushall();
    admin.disconnect();
    await ok(create);
    await ok(`mutation { updateConversation(id: "${id}", name: "new") { id } }`);
    await eventually(() => expect(heard.events.at(-1)?.conversationUpdated.name).toBe('new'));
  });

  it('a user whose arrival was lost in the rollback is ONLINE again', async () => {
    await save();
    const bob = await service.connect('bob');
    const status = async () => (await ok('{ presence(userIds: ["bob"]) { status } }')).presence[0].status;
    await eventually(async () => expect(await status()).toBe('ONLINE'));
    await redis.restart();
    await eventually(async () => expect(await status()).toBe('ONLINE'));
    await bob.close();
    await eventually(async () => {
      service.clock.advance(1_000);
      expect(await status()).toBe('OFFLINE');
    });
  });

  it('a user whose departure was lost in the rollback becomes OFFLINE', async () => {
    const bob = await service.connect('bob');
    const status = async () => (await ok('{ presence(userIds: ["bob"]) { status } }')).presence[0].status;
    await eventually(async () => expect(await status()).toBe('ONLINE'));
    await save();
    await bob.close();
    await eventually(async () => {
      service.clock.advance(1_000);
      expect(await status()).toBe('OFFLINE');
    });
    await redis.restart();
    await eventually(async () => expect(await status()).toBe('OFFLINE'));
    await eventually(async () => expect(await status()).toBe('OFFLINE'));
  });
});
