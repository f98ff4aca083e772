/** Events that only a newer version knows: a node hands out and forwards none of them, and loses none (G22). */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { Redis } from 'ioredis';
import { shownEvent } from '../../src/domain/event-data.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine } from '../../src/engine/port.ts';
import { wantedArg } from '../../src/engine/redis/consumer-codec.ts';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { defineScripts } from '../../src/engine/redis/scripts.ts';
import { partitionOf } from '../../src/engine/shared/consumer.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConsumerRecord, EventType, PublicationId, Topic } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { newPrefix, openEngineOn } from '../support/redis-engine.ts';
import { sharedRedisUrl } from '../support/shared-redis.ts';
import { TestClock } from '../support/test-clock.ts';
import { alice, bob, createGroup, sendText, tenant } from '../support/world.ts';

const FUTURE = 'NEWS_OF_A_NEWER_VERSION';
const consumer: ConsumerRecord = {
  name: 'bot',
  events: ['PUBLISHED', 'MESSAGE_SENT', FUTURE as EventType],
  conversations: null,
  topics: null,
};
const publication = (payload: number) => ({
  id: `p${payload}` as PublicationId,
  topic: 'news' as Topic,
  payload,
  senderId: alice,
});

async function pull(engine: Engine): Promise<unknown[]> {
  const pulled = await engine.pullEvents(tenant, 'bot', { member: 'one', max: 10 });
  if (!pulled) throw new Error('There is no such consumer.');
  await engine.ackEvents(tenant, 'bot', pulled.token, []);
  return pulled.events.map(({ data }) => ('content' in data ? data.content : 'payload' in data ? data.payload : null));
}

interface Stored {
  readonly engine: Engine;
  /** Stores an event as a newer version does, after all others. */
  add(): Promise<Engine>;
  close(): Promise<void>;
}

async function onRedis() {
  const prefix = newPrefix();
  const clock = new TestClock();
  const keys = createKeys(prefix, 0);
  const admin = new Redis(sharedRedisUrl());
  const engine = await openEngineOn(sharedRedisUrl(), { prefix, clock });
  const news = keys.topic(tenant, 'news' as Topic).events.name;
  const at = (source: string) => keys.partition(tenant, partitionOf(source));
  const forward = (source: string, number: number, type: string) =>
    defineScripts(admin)(
      'forward-events',
      [at(source).stream, at(source).handled],
      [0, source, TIMES.eventsMs, TIMES.forwardedMs, number, number, type, 'news', '{}'],
    );
  return {
    engine,
    clock,
    keys,
    admin,
    news,
    at,
    forward,
    async add() {
      await forward(news, Date.now() * 1_000, FUTURE);
      return engine;
    },
    async close() {
      admin.disconnect();
      await engine.close();
    },
  };
}

async function onFile() {
  const folder = mkdtempSync(join(tmpdir(), 'newer-'));
  const clock = new TestClock();
  const open = () => openEmbeddedEngine({ dataDir: folder, retention: null, clock });
  let engine = open();
  /** Changes the file while no engine has it open. */
  async function change(statement: string, ...values: SQLInputValue[]): Promise<Engine> {
    await engine.close();
    const file = new DatabaseSync(join(folder, 'realtime.db'));
    file.prepare(statement).run(...values);
    file.close();
    engine = open();
    return engine;
  }
  return {
    engine,
    clock,
    change,
    add: () =>
      change(
        `INSERT INTO events (number, tenant, partition, type, subject, at, data)
         SELECT max(number) + 1, ?, ?, ?, 'news', ?, '{}' FROM events`,
        tenant,
        partitionOf('news'),
        FUTURE,
        clock.now(),
      ),
    async close() {
      await engine.close();
      rmSync(folder, { recursive: true });
    },
  };
}

describe.each<[string, () => Promise<Stored>]>([
  ['Redis', onRedis],
  ['SQLite', onFile],
])('%s', (_, open) => {
  it('G22: an event of an unknown type, and those after it, wait until the consumer no longer wants it', async () => {
    const stored = await open();
    await stored.engine.saveConsumer(tenant, consumer, 'NOW');
    await stored.engine.publish(tenant, publication(1));
    await eventually(async () => expect(await stored.engine.readProgress(tenant, 'bot')).toMatchObject({ lag: 1 }));
    const engine = await stored.add();
    await engine.publish(tenant, publication(2));
    await eventually(async () => expect(await engine.readProgress(tenant, 'bot')).toMatchObject({ lag: 3 }));
    expect(await engine.readConsumers(tenant)).toMatchObject([{ events: ['PUBLISHED', 'MESSAGE_SENT'] }]);
    expect(await pull(engine)).toEqual([1]);
    expect(await pull(engine)).toEqual([]);
    expect(await engine.readProgress(tenant, 'bot')).toMatchObject({ lag: 2, pending: 0 });
    await engine.saveConsumer(tenant, { ...consumer, events: ['PUBLISHED'] }, 'NOW');
    expect(await pull(engine)).toEqual([2]);
    await stored.close();
  });
});

describe('in a file that a newer version used', () => {
  it('G22: an event that it has handed out, and those after it, wait', async () => {
    const stored = await onFile();
    await stored.engine.saveConsumer(tenant, consumer, 'NOW');
    await stored.engine.publish(tenant, publication(1));
    await stored.engine.pullEvents(tenant, 'bot', { member: 'one', max: 10 });
    await stored.engine.publish(tenant, publication(2));
    const engine = await stored.change(
      'UPDATE events SET type = ? WHERE number = (SELECT min(number) FROM events)',
      FUTURE,
    );
    stored.clock.advance(TIMES.eventAckMs);
    expect(await pull(engine)).toEqual([]);
    expect(await engine.readProgress(tenant, 'bot')).toMatchObject({ lag: 1, pending: 1 });
    await stored.close();
  });
});

describe('beside a node of a newer version', () => {
  it('G22: what that node has handed out stays with it, and its dead letters have no data here', async () => {
    const { engine, add, admin, keys, news, at, clock, close } = await onRedis();
    await engine.saveConsumer(tenant, consumer, 'NOW');
    await add();
    await engine.publish(tenant, publication(2));
    await eventually(async () => expect(await engine.readProgress(tenant, 'bot')).toMatchObject({ lag: 2 }));
    const { stream, state, dead } = at(news);
    const key = String(await admin.hget(keys.consumers(tenant).consumers, 'bot')).split(' ', 1)[0] ?? '';
    const pullAsNewer = async (token: string) => {
      const wanted = JSON.parse(wantedArg({ record: consumer, newer: [] }));
      wanted.known[FUTURE] = true;
      const caps = [TIMES.eventAckMs, LIMITS.eventAttempts, TIMES.eventsMs, LIMITS.scannedEvents];
      const args = [clock.offset(), token, 10, 1_000_000, ...caps, JSON.stringify(wanted)];
      const answer = await defineScripts(admin)('pull-events', [stream, state(key), dead(key)], args);
      return (answer as string[]).flatMap((field, at) => (at % 6 === 3 ? [field] : []));
    };
    expect(await pullAsNewer('a')).toEqual([FUTURE, 'PUBLISHED']);
    clock.advance(TIMES.eventAckMs);
    expect(await pull(engine)).toEqual([]);
    await engine.saveConsumer(tenant, { ...consumer, events: ['PUBLISHED'] }, 'NOW');
    expect(await pull(engine)).toEqual([2]);
    for (let attempt = 1; attempt < LIMITS.eventAttempts; attempt += 1) {
      expect(await pullAsNewer(`${attempt}`)).toEqual([FUTURE]);
      clock.advance(TIMES.eventAckMs);
    }
    expect(await engine.readProgress(tenant, 'bot')).toMatchObject({ pending: 0, deadLetters: 1 });
    const [letter] = await engine.listDeadLetters(tenant, 'bot', null, 1);
    expect(letter && shownEvent(letter)).toMatchObject({ type: 'news.of.a.newer.version', subject: 'news', data: {} });
    await close();
  });

  it.each([
    ['that node forwards it', true],
    ['none of that version is left', false],
  ])('G22: an entry of an outbox that only that node knows, and those after it, wait until %s', async (_, isNewer) => {
    const { engine, admin, keys, forward, clock, close } = await onRedis();
    await engine.saveConsumer(tenant, { ...consumer, events: ['MESSAGE_SENT'] }, 'NOW');
    const id = await createGroup(engine, alice, bob);
    const first = await sendText(engine, id, alice, '1');
    await eventually(async () => expect(await pull(engine)).toEqual(['1']));
    const { meta, messages, log, channel, streams, texts, events } = keys.conversation(tenant, id);
    const content = '"content":"pinned","payload":null';
    const change = [0, '0', 1, first.id, 'nonce', 'PINNED', content, '', LIMITS.writtenPartCharacters];
    const at = [meta, messages, log, channel, streams, texts, events.outbox];
    await defineScripts(admin)('change-message', at, change);
    const [[pinned = ''] = []] = await admin.xrevrange(events.outbox, '+', '-', 'COUNT', 1);
    await sendText(engine, id, alice, '2');
    // A pull forwards what nobody forwarded in time.
    clock.advance(TIMES.unforwardedMs);
    expect(await pull(engine)).toEqual([]);
    expect(await admin.xlen(events.outbox)).toBeGreaterThanOrEqual(2);
    if (isNewer) await forward(events.name, Number(pinned.split('-', 1)[0]), 'MESSAGE_PINNED');
    else clock.advance(TIMES.newerEventsMs);
    const since = clock.now();
    await eventually(async () => {
      clock.advance(TIMES.eventsInHandMs);
      expect(await pull(engine)).toEqual(['2']);
    });
    // Not so long that none of that version seems to be left.
    expect(clock.now() - since).toBeLessThan(TIMES.newerEventsMs / 2);
    await close();
  });

  it('G22: an event keeps the values that only that node knows, and reads as one with known values', async () => {
    const { engine, admin, keys, at, close } = await onRedis();
    await engine.saveConsumer(tenant, { ...consumer, events: ['CONVERSATION_CREATED', 'MEMBER_ADDED'] }, 'NOW');
    const id = await createGroup(engine, alice);
    const { meta, events } = keys.conversation(tenant, id);
    const head = String(await admin.hget(meta, 'head'));
    await admin.hset(meta, 'head', head.replace('GROUP', FUTURE));
    await engine.addMembers(tenant, id, [bob], 'MEMBER');
    let last: readonly string[] = [];
    await eventually(async () => {
      const [entry] = await admin.xrevrange(at(events.name).stream, '+', '-', 'COUNT', 1);
      last = entry?.[1] ?? [];
      expect(last).toContain('MEMBER_ADDED');
    });
    expect(last.join()).toContain(`"kind":"${FUTURE}"`);
    const pulled = await engine.pullEvents(tenant, 'bot', { member: 'one', max: 10 });
    expect(pulled?.events).toMatchObject([
      { type: 'CONVERSATION_CREATED', data: { conversation: { kind: 'GROUP' } } },
      { type: 'MEMBER_ADDED', data: { conversation: { kind: 'GROUP' } } },
    ]);
    await close();
  });
});
