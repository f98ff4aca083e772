import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { nextTurn } from '../../src/clock.ts';
import { createEmbeddedBus } from '../../src/engine/embedded/bus.ts';
import { openDatabase } from '../../src/engine/embedded/database.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { MessageRow } from '../../src/engine/embedded/message-rows.ts';
import { withReaction } from '../../src/engine/embedded/reactions.ts';
import type { Engine } from '../../src/engine/port.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { DeviceId, PublicationId, Topic } from '../../src/model.ts';
import { endTexts, KEPT } from '../contract/ended-texts.ts';
import { describeEngine } from '../contract/engine.ts';
import { TestClock } from '../support/test-clock.ts';
import { alice, bob, connectionId, createGroup, type OpenWorld, tenant, text, userId } from '../support/world.ts';

const open: OpenWorld = async (options = {}) => {
  const clock = new TestClock();
  const { retention = null, conversationsPerUser } = options;
  const engine = openEmbeddedEngine({ dataDir: ':memory:', retention, clock, conversationsPerUser });
  return { engine, other: engine, clock, close: () => engine.close() };
};

describe('embedded engine', () => {
  describeEngine(open);

  it('events are stored while their tenant has a consumer', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'events-'));
    const engine = openEmbeddedEngine({ dataDir, retention: null, clock: new TestClock() });
    const publish = (id: string) =>
      engine.publish(tenant, { id: id as PublicationId, topic: 'news' as Topic, payload: id, senderId: alice });
    const consumer = { name: 'bot', events: ['PUBLISHED' as const], conversations: null, topics: null };
    await publish('before');
    await engine.saveConsumer(tenant, consumer, 'NOW');
    await publish('meanwhile');
    await engine.deleteConsumer(tenant, 'bot');
    await publish('after');
    await engine.close();
    const file = new DatabaseSync(join(dataDir, 'realtime.db'));
    expect(file.prepare('SELECT count(*) AS stored FROM events').get()).toEqual({ stored: 1 });
    file.close();
    rmSync(dataDir, { recursive: true });
  });

  it('a pull hands out no more events once they are as long as one read may be', async () => {
    const { engine, close } = await open();
    await engine.saveConsumer(tenant, { name: 'bot', events: ['PUBLISHED'], conversations: null, topics: null }, 'NOW');
    const publish = (id: string, payload: string) =>
      engine.publish(tenant, { id: id as PublicationId, topic: 'news' as Topic, payload, senderId: alice });
    const pull = async () => {
      const pulled = await engine.pullEvents(tenant, 'bot', { member: 'one', max: 10 });
      if (!pulled) throw new Error('none');
      await engine.ackEvents(tenant, 'bot', pulled.token, []);
      return pulled.events.map(({ data }) => data);
    };
    await publish('1', '');
    const [empty] = await pull();
    const room = LIMITS.readingBytes - JSON.stringify(empty).length;
    for (const [length, handed] of [
      [room, 1],
      [room - 1, 2],
    ] as const) {
      for (const [id, payload] of [
        ['2', 'x'.repeat(length)],
        ['3', 'next'],
      ] as const)
        await publish(id, payload);
      expect(await pull()).toHaveLength(handed);
      expect(await pull()).toHaveLength(2 - handed);
    }
    await close();
  });

  it('the reactions to a message have a cap, over all emoji', () => {
    const users = (count: number) => Array.from({ length: count }, (_, nth) => userId(`fan-${nth}`));
    const rowOf = (...counts: readonly number[]) => {
      const reactions = counts.map((count, nth) => ({ emoji: `${nth}`, userIds: users(count) }));
      return { deleted_at: null, reactions: JSON.stringify(reactions) } as unknown as MessageRow;
    };
    const half = LIMITS.reactionsPerMessage / 2;
    expect(withReaction(rowOf(half, half), bob, '0')).toBe('full');
    expect(withReaction(rowOf(half, half - 1), bob, '0')).toMatchObject({ reactions: expect.stringContaining('bob') });
  });

  it('a topic is deleted a day after its last publication', async () => {
    const { engine, clock, close } = await open();
    const topic = 'news' as Topic;
    const publication = { topic, payload: 1, senderId: alice };
    await engine.publish(tenant, { ...publication, id: 'one' as PublicationId });
    clock.advance(TIMES.publicationMs);
    expect((await engine.readTopic(tenant, topic, null, 1)).head).toBeNull();
    const again = await engine.publish(tenant, { ...publication, id: 'two' as PublicationId });
    expect(again).toMatchObject({ outcome: 'published', publication: { position: { place: 1 } } });
    await close();
  });

  it('publications are kept as long as the topic’s policy says, and the topic’s head for a day', async () => {
    const { engine, clock, close } = await open();
    const topic = 'news' as Topic;
    const publish = (id: string, key: string | null = null) =>
      engine.publish(tenant, {
        id: id as PublicationId,
        topic,
        payload: id,
        senderId: alice,
        keeping: { most: 10, forMs: 3_600_000 },
        key: key === null ? null : { id: key, digest: 'same' },
      });
    const payloads = async () => (await engine.readLatest(tenant, topic, 10)).map(({ payload }) => payload);
    await publish('one', 'key');
    clock.advance(3_540_000);
    expect(await payloads()).toEqual(['one']);
    clock.advance(60_000);
    const { head, publications } = await engine.readTopic(tenant, topic, null, 10);
    expect([head?.place, publications, await payloads()]).toEqual([1, [], []]);
    expect(await publish('again', 'key')).toMatchObject({ outcome: 'duplicate', publication: { position: head } });
    expect(await publish('two')).toMatchObject({ publication: { position: { epoch: head?.epoch, place: 2 } } });
    expect(await payloads()).toEqual(['two']);
    await close();
  });

  it('G12: a device counts as present since its user stopped hiding, at any duration of the change', async () => {
    class TickingClock extends TestClock {
      #ticks = 0;
      override now(): number {
        this.#ticks += 1;
        return super.now() + this.#ticks * 1_000;
      }
    }
    const engine = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock: new TickingClock() });
    const phone = { connectionId: connectionId('one'), deviceId: 'phone' as DeviceId, sessionId: null };
    await engine.connect(tenant, alice, { ...phone, connectionType: 'WEBSOCKET' });
    await engine.setStatus(tenant, alice, 'OFFLINE', null);
    const back = await engine.setStatus(tenant, alice, 'ONLINE', null);
    expect(back.devices).toMatchObject([{ connectedAt: back.lastSeenAt }]);
    await engine.close();
  });

  it('G13: a failed write leaves nothing behind, and the next one succeeds', async () => {
    const database = openDatabase(
      ':memory:',
      createEmbeddedBus(new TestClock(), () => ''),
    );
    const begin = database.prepare(
      "INSERT INTO topics (tenant, topic, epoch, place, expires_at) VALUES ('t', ?, 'e', 0, 0)",
    );
    const names = database.prepare('SELECT topic FROM topics');
    const failed = database.write(() => {
      begin.run('lost');
      throw new Error('in the middle');
    });
    await expect(failed).rejects.toThrow('The service is unavailable; retry after retryAfterMs.');
    await database.write(() => begin.run('kept'));
    expect(names.all()).toEqual([{ topic: 'kept' }]);
    database.close();
  });

  describe('in a file', () => {
    let dir: string;
    beforeEach(() => {
      dir = mkdtempSync(join(tmpdir(), 'realtime-'));
    });
    afterEach(() => rmSync(dir, { recursive: true, force: true }));

    const openIn = (folder: string): Engine =>
      openEmbeddedEngine({ dataDir: folder, retention: null, clock: new TestClock() });

    it('keeps everything over a restart, and positions still resume', async () => {
      const before = openIn(dir);
      const id = await createGroup(before, alice);
      const first = await before.appendMessage(tenant, text(id, alice, 'one', 'k'));
      const list = await before.readUserLog(tenant, alice, null, 0);
      if (list.outcome !== 'read') throw new Error(list.reason);
      await before.close();
      const after = openIn(dir);
      expect(await after.appendMessage(tenant, text(id, alice, 'again', 'k'))).toEqual({
        ...first,
        outcome: 'duplicate',
      });
      const second = await after.appendMessage(tenant, text(id, alice, 'two'));
      if (!('message' in first) || !('message' in second)) throw new Error('not appended');
      const page = await after.readLog(tenant, id, first.message.position, 10);
      expect(page).toMatchObject({ outcome: 'read', entries: [{ message: second.message }] });
      await after.removeMember(tenant, id, alice, null);
      const listed = await after.readUserLog(tenant, alice, list.head, 10);
      expect(listed).toMatchObject({ outcome: 'read', entries: [{ place: 2, conversationId: id, event: 'REMOVED' }] });
      expect(listed.outcome === 'read' && listed.head.epoch).not.toBe(list.head.epoch);
      await after.close();
    });

    it('deletes messages and log entries past the retention', async () => {
      const retention = 3;
      const engine = openEmbeddedEngine({ dataDir: dir, retention, clock: new TestClock() });
      const id = await createGroup(engine, alice);
      for (let n = 0; n < 20; n += 1) await engine.appendMessage(tenant, text(id, alice, `${n}`));
      await engine.close();
      const [file = ''] = readdirSync(dir).filter((name) => name.endsWith('.db') || name.endsWith('.sqlite'));
      const database = new DatabaseSync(join(dir, file));
      const rows = (table: string): unknown => database.prepare(`SELECT count(*) AS count FROM ${table}`).get();
      expect([rows('messages'), rows('log')]).toEqual([{ count: retention }, { count: retention }]);
      database.close();
    });

    it('G20: keeps nothing of ended streamed texts but their messages', async () => {
      const clock = new TestClock();
      const engine = openEmbeddedEngine({ dataDir: dir, retention: KEPT, clock });
      await endTexts(engine, (ms) => clock.advance(ms));
      await engine.close();
      const [file = ''] = readdirSync(dir).filter((name) => name.endsWith('.db'));
      const database = new DatabaseSync(join(dir, file));
      const rows = (table: string): unknown[] => database.prepare(`SELECT * FROM ${table}`).all();
      expect([rows('writings'), rows('written_parts')]).toEqual([[], []]);
      database.close();
    });

    it('G04, F35: after a restore from a backup no position names another event', async () => {
      const copy = join(dir, 'copy');
      const original = openIn(join(dir, 'data'));
      const id = await createGroup(original, alice);
      await original.appendMessage(tenant, text(id, alice, 'one'));
      await original.close();
      cpSync(join(dir, 'data'), copy, { recursive: true });
      const lost = openIn(join(dir, 'data'));
      const gone = await lost.appendMessage(tenant, text(id, alice, 'lost with the disk'));
      await lost.close();
      const restored = openIn(copy);
      const other = await restored.appendMessage(tenant, text(id, alice, 'another'));
      if (!('message' in gone) || !('message' in other)) throw new Error('not appended');
      expect(other.message.sequence).toBe(gone.message.sequence);
      expect(other.message.position).not.toEqual(gone.message.position);
      expect(other.message.id).not.toBe(gone.message.id);
      expect((await restored.readLog(tenant, id, gone.message.position, 10)).outcome).toBe('expired');
      await restored.close();
    });

    it('F33: a second process on the same folder is refused', async () => {
      const first = openIn(dir);
      expect(() => openIn(dir)).toThrow(/cannot be used \(database is locked\); is another process running on it/);
      await first.close();
    });

    it('G01: the log of constant writes begins again, and everything is in one file after the end', async () => {
      const engine = openEmbeddedEngine({ dataDir: dir, retention: 100, clock: new TestClock() });
      const id = await createGroup(engine, alice);
      const messages = 4_000;
      let longest = 0;
      for (let n = 1; n <= messages; n += 1) {
        await engine.appendMessage(tenant, text(id, alice, `${n}`));
        await nextTurn();
        if (n % 100 === 0) longest = Math.max(longest, statSync(join(dir, 'realtime.db-wal')).size);
      }
      // Without checkpoints it would have 36,000 pages.
      expect(longest).toBeLessThan(24_000 * 4_096);
      await engine.close();
      expect(readdirSync(dir)).toEqual(['realtime.db']);
      const after = openIn(dir);
      const { messages: last } = await after.listMessages(tenant, id, {
        after: 0,
        before: null,
        limit: 1,
        from: 'last',
      });
      expect(last).toMatchObject([{ sequence: messages, content: `${messages}` }]);
      await after.close();
    });

    it('G01, F34: acknowledged messages survive kill -9, also during checkpoints', async () => {
      const writer = new URL('../support/writer.ts', import.meta.url).pathname;
      const child: ChildProcess = spawn(process.execPath, [writer, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
      let acknowledged = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        acknowledged += chunk.toString();
        if (acknowledged.split('\n').length < 1_200 || child.killed) return;
        expect(() => openIn(dir)).toThrow('database is locked');
        child.kill('SIGKILL');
      });
      await once(child, 'exit');
      const ids = acknowledged.split('\n').slice(0, -1);
      const engine = openIn(dir);
      const [conversation, ...messages] = ids;
      const kept: string[] = [];
      // A page ends after so many bytes.
      for (let isOver = false; !isOver; ) {
        const range = { after: kept.length, before: null, limit: 1_000, from: 'first' } as const;
        const page = await engine.listMessages(tenant, conversation as never, range);
        kept.push(...page.messages.map((message) => message.id));
        isOver = page.messages.length === 0;
      }
      expect(messages.length).toBeGreaterThan(100);
      expect(kept.slice(0, messages.length)).toEqual(messages);
      await engine.close();
    });
  });
});
