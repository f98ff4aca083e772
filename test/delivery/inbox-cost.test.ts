/** What Redis does for a user's list and their inbox, counted in commands: it is the same on every machine. */
import { Redis } from 'ioredis';
import { fixedBearer } from '../../src/access/bearer.ts';
import { createDelivery, type Delivery } from '../../src/delivery/delivery.ts';
import type { Engine } from '../../src/engine/port.ts';
import { TIMES } from '../../src/limits.ts';
import type { UserId } from '../../src/model.ts';
import { inGroups } from '../support/in-groups.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { countRounds } from '../support/rounds.ts';
import { StillClock } from '../support/still-clock.ts';
import { bob, createGroup, silentLog, tenant, text, userId, viewerOf } from '../support/world.ts';

const FEW = 100;
const MANY = 500;
/** What the client sends to begin, besides commands within scripts. */
const SENT = new Set(['evalsha', 'eval', 'ssubscribe', 'time']);

type Calls = readonly (readonly [name: string, count: number])[];

describe('G10: the cost of an inbox in Redis', () => {
  // Nothing that the engine does from time to time happens unless the test moves it.
  const clock = new StillClock();
  let server: RedisServer;
  let admin: Redis;
  let engine: Engine;
  let delivery: Delivery;
  beforeAll(async () => {
    server = await startRedisServer();
    admin = new Redis(server.url);
    engine = await openEngineOn(server.url, { prefix: 'cost', clock });
    delivery = createDelivery({ engine, clock, log: silentLog, countGap: () => undefined, streamMergeMs: 40 });
    for (const count of [FEW, MANY]) {
      const [first] = await inGroups(count, () => createGroup(engine, ofMany(count), bob));
      if (first) await engine.appendMessage(tenant, text(first, bob, 'hello'));
    }
    // What is left to be told to lists is told.
    await countRounds(async () => clock.advance(TIMES.listMs));
    // Each script is sent whole the first time that it is run.
    for (const work of [() => open(ofMany(FEW)), () => readPage(ofMany(FEW)), () => countUnread(ofMany(FEW))]) {
      await callsOf(work);
    }
  });
  afterAll(async () => {
    delivery.close();
    await engine.close();
    admin.disconnect();
    await server.stop();
  });

  const ofMany = (count: number): UserId => userId(`of-${count}`);
  const countUnread = (user: UserId): Promise<unknown> => engine.countUnread(tenant, user);

  /** Commands that Redis ran, those within scripts as well, in the order of their names. */
  async function callsOf(work: () => Promise<unknown>): Promise<Calls> {
    await admin.config('RESETSTAT');
    // With what is left to be done behind it.
    await countRounds(work);
    const stats = await admin.info('commandstats');
    return [...stats.matchAll(/cmdstat_([^:|]+)[^:]*:calls=(\d+)/g)]
      .map(([, name = '', count]) => [name, Number(count)] as const)
      .filter(([name]) => !['config', 'info', 'sunsubscribe'].includes(name));
  }
  const sum = (calls: Calls): number => calls.reduce((total, [, count]) => total + count, 0);
  const sent = (calls: Calls): number => sum(calls.filter(([name]) => SENT.has(name)));

  async function open(viewer: UserId): Promise<void> {
    const stream = await delivery.inboxStream(fixedBearer(viewerOf(viewer)), {
      checkpoint: null,
      positions: new Map(),
    });
    await stream.next();
    await stream.return();
  }

  /** As the first screen of an app asks for it. */
  async function readPage(user: UserId): Promise<void> {
    const query = { kind: null, isArchived: false, isUnread: null, order: 'pins', after: null, limit: 20 } as const;
    const { entries } = await engine.listConversations(tenant, user, query);
    const ids = entries.map(({ conversationId }) => conversationId);
    const keys = ids.map((conversationId) => ({ conversationId, userId: user }));
    await Promise.all([engine.readConversations(tenant, ids), engine.readMemberships(tenant, keys)]);
    expect(ids).toHaveLength(20);
  }

  it('opening an inbox costs scripts and joins for each hundred of its conversations', async () => {
    const costs: { readonly sent: number; readonly sum: number }[] = [];
    // The least of three: on a busy machine commands without an answer in time are sent again.
    for (let n = 0; n < 3; n += 1) {
      const few = await callsOf(() => open(ofMany(FEW)));
      const many = await callsOf(() => open(ofMany(MANY)));
      const more = MANY - FEW;
      costs.push({ sent: (sent(many) - sent(few)) / more, sum: (sum(many) - sum(few)) / more });
    }
    // About a tenth. Nine were sent of each before there were batches.
    expect(Math.min(...costs.map((cost) => cost.sent))).toBeLessThanOrEqual(0.5);
    // What the scripts run of each: eighteen commands before, of which the client sent nine.
    expect(Math.min(...costs.map((cost) => cost.sum))).toBeLessThanOrEqual(7.5);
  });

  it('the first page of a list costs the same at any length of the list', async () => {
    const pages = [await callsOf(() => readPage(ofMany(FEW))), await callsOf(() => readPage(ofMany(MANY)))];
    const [few = 0, many = 0] = pages.map(sum);
    expect(many).toBeLessThanOrEqual(60);
    expect(many).toBe(few);
  });

  it('the number of unread messages costs the same at any length of the list', async () => {
    const [few, many] = [await callsOf(() => countUnread(ofMany(FEW))), await callsOf(() => countUnread(ofMany(MANY)))];
    expect(sum(many)).toBe(sum(few));
    expect(sent(many)).toBe(1);
    expect(sum(many)).toBeLessThanOrEqual(3);
  });

  it('messages to conversations of others add two commands at most to a page and to the number', async () => {
    for (const id of await inGroups(30, () => createGroup(engine, bob))) {
      await engine.appendMessage(tenant, text(id, bob, 'hello'));
    }
    expect(sum(await callsOf(() => countUnread(ofMany(MANY))))).toBeLessThanOrEqual(5);
    expect(sum(await callsOf(() => readPage(ofMany(MANY))))).toBeLessThanOrEqual(60);
    await countRounds(async () => clock.advance(TIMES.listMs));
  });

  it('creating a conversation of a thousand members costs scripts for each fifty of them', async () => {
    const others = Array.from({ length: 999 }, (_, n) => userId(`one-of-many-${n}`));
    await createGroup(engine, bob, ...others.slice(0, 2));
    const calls = await callsOf(() => createGroup(engine, bob, ...others));
    const scripts = calls.find(([name]) => name === 'evalsha')?.[1];
    expect(scripts).toBeLessThanOrEqual(30);
    // A note and a mark for each member whom no node follows; eleven commands before memberships could wait.
    expect(sum(calls)).toBeLessThanOrEqual(2_200);
  });
});
