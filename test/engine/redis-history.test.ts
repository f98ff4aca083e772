/** Logs on a Redis whose history changes: a primary that was replaced and becomes primary again without a restart. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Engine } from '../../src/engine/port.ts';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { defineScripts } from '../../src/engine/redis/scripts.ts';
import type { ConversationId, Topic } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { startRedisPair } from '../support/redis-pair.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { alice, createGroup, tenant, text } from '../support/world.ts';

const anyEngine = (url: string): Promise<Engine> => openEngineOn(url, { prefix: `test-${randomUUID().slice(0, 8)}` });

/** Once the engine is there again; a repeated one is not stored again. */
const append = (engine: Engine, id: ConversationId, content: string) =>
  eventually(async () => {
    const answer = await engine.appendMessage(tenant, text(id, alice, content, content));
    if (!('message' in answer)) throw new Error(answer.outcome);
    return answer.message;
  });

const publish = (engine: Engine, topic: Topic) =>
  eventually(async () => {
    const id = randomUUID() as never;
    const answer = await engine.publish(tenant, { id, topic, payload: null, senderId: alice });
    if (!('publication' in answer) || !answer.publication) throw new Error(answer.outcome);
    return answer.publication.position;
  });

describe('the history of a Redis', () => {
  it('G04, F45: a primary that lost data to a failover and became primary again reuses no position', async () => {
    const pair = await startRedisPair();
    const engine = await anyEngine(pair.url);
    try {
      const topic = `topic.${randomUUID()}` as Topic;
      const id = await createGroup(engine, alice);
      const kept = await append(engine, id, 'kept');
      await publish(engine, topic);
      await pair.lag();
      const lost = await append(engine, id, 'lost');
      const lostPosition = await publish(engine, topic);
      await pair.failOver();
      // Nothing is written here meanwhile.
      await pair.failOver();
      const after = await append(engine, id, 'after');
      expect(after.sequence).toBe(lost.sequence);
      expect(after.position.epoch).not.toBe(lost.position.epoch);
      expect((await publish(engine, topic)).epoch).not.toBe(lostPosition.epoch);
      const resumed = await engine.readLog(tenant, id, kept.position, 10);
      expect(resumed).toMatchObject({ outcome: 'read', entries: [{ message: after }] });
      await append(engine, id, 'later');
      expect(await engine.readLog(tenant, id, lost.position, 10)).toEqual({ outcome: 'expired', reason: 'DIVERGED' });
    } finally {
      await engine.close();
      await pair.close();
    }
  });

  it('G04, F51: nodes of 0.1.0 and of this version continue each other’s epochs in one run of Redis', async () => {
    const server = await startRedisServer();
    const admin = new Redis(server.url);
    const engine = await anyEngine(server.url);
    try {
      const [, run] = /run_id:(\w+)/.exec(await admin.info('server')) ?? [];
      const id = await createGroup(engine, alice);
      const first = await append(engine, id, 'first');
      const [meta = ''] = await admin.keys('*{c.*meta');
      // It compares this field with the run, and writes no other.
      expect(await admin.hget(meta, 'fence')).toBe(run);
      await admin.hdel(meta, 'history');
      const second = await append(engine, id, 'second');
      expect(second.position.epoch).toBe(first.position.epoch);
      expect(await admin.hget(meta, 'history')).not.toBeNull();
      await admin.hdel(meta, 'history');
      await admin.hset(meta, 'fence', 'another run');
      const third = await append(engine, id, 'third');
      expect(third.position.epoch).not.toBe(first.position.epoch);
      expect(await admin.hget(meta, 'fence')).toBe(run);
    } finally {
      admin.disconnect();
      await engine.close();
      await server.stop();
    }
  });

  it('G04: the same waiting note begins the log of a list in another epoch after a failover, and in the same one before', async () => {
    const server = await startRedisServer('--enable-debug-command', 'yes');
    const admin = new Redis(server.url);
    const run = defineScripts(admin);
    const { list, waiting } = createKeys('history', 0).user(tenant, alice);
    const epoch = async (): Promise<unknown> => {
      await admin.del(...list);
      await admin.rpush(waiting, 'nonce-of-12 c 5:1:G:1:0:0:-:');
      return ((await run('read-user-log', list, ['0', '0', 'another'])) as unknown[])[2];
    };
    const [first, again] = [await epoch(), await epoch()];
    await admin.call('DEBUG', 'CHANGE-REPL-ID');
    expect([again, (await epoch()) === first]).toEqual([first, false]);
    admin.disconnect();
    await server.stop();
  });
});
