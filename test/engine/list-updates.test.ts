/** The lists of members are updated from their conversations, also when nobody reads them. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Engine } from '../../src/engine/port.ts';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { captureLog } from '../support/log.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { sharedRedisUrl } from '../support/shared-redis.ts';
import { StillClock } from '../support/still-clock.ts';
import { alice, createGroup, newConversationId, tenant, text, userId } from '../support/world.ts';

const prefix = `lists-${randomUUID().slice(0, 8)}`;
const keys = createKeys(prefix, 0);
/** More than are updated together. */
const members = Array.from({ length: 30 }, (_, n) => userId(`member-${n}`));
const PAGE = { kind: null, isArchived: false, isUnread: null, order: 'activity', after: null, limit: 20 } as const;

describe('G14: updates of lists in Redis', () => {
  const clock = new StillClock();
  let admin: Redis;
  let engine: Engine;
  beforeAll(async () => {
    admin = new Redis(sharedRedisUrl());
    engine = await openEngineOn(sharedRedisUrl(), { prefix, clock });
  });
  afterAll(async () => {
    await engine.close();
    admin.disconnect();
  });

  it('all lists get the messages of half a second, also one whose entry was lost, and the note goes', async () => {
    const id = await createGroup(engine, alice, ...members);
    const [first = alice] = members;
    for (let n = 0; n < 3; n += 1) await engine.appendMessage(tenant, text(id, alice, 'hello'));
    const lost = keys.user(tenant, first);
    await admin.del(lost.entries, lost.order);
    expect(await admin.zcard(keys.unlisted(tenant))).toBe(1);
    clock.advance(TIMES.listMs);
    await eventually(async () => expect(await admin.zcard(keys.unlisted(tenant))).toBe(0));
    for (const member of members) {
      const { entries, order, unread } = keys.user(tenant, member);
      expect((await admin.hget(entries, id))?.split(' ')[2]).toBe('3');
      expect(await admin.zcard(order)).toBe(1);
      expect(await admin.get(unread)).toBe('3');
    }
  });

  it('the note of a conversation that was deleted meanwhile goes', async () => {
    const id = await createGroup(engine, alice, ...members.slice(0, 2));
    await engine.appendMessage(tenant, text(id, alice, 'hello'));
    await engine.deleteConversation(tenant, id, null);
    clock.advance(TIMES.listMs);
    await eventually(async () => expect(await admin.zcard(keys.unlisted(tenant))).toBe(0));
  });

  it('an update of lists also applies a membership that its node could not store', async () => {
    const dave = userId(randomUUID());
    const id = await createGroup(engine, alice, ...members.slice(0, 2));
    const { conversations, waiting } = keys.user(tenant, dave);
    const { notes } = keys.conversation(tenant, id);
    await engine.appendMessage(tenant, text(id, alice, 'hello'));
    await admin.mset(conversations, 'damaged', waiting, 'damaged');
    await Promise.allSettled([engine.addMembers(tenant, id, [dave], 'MEMBER')]);
    await admin.del(conversations, waiting);
    expect(await admin.hkeys(notes)).toEqual([dave]);
    clock.advance(TIMES.listMs);
    await eventually(async () => expect(await admin.hlen(notes)).toBe(0));
    expect(await engine.listConversationIds(tenant, dave)).toEqual([id]);
  });

  it('a reader of a list finishes the work of a node that died: all lists, and what was deleted', async () => {
    const readers = [1, 2, 3].map(() => userId(randomUUID()));
    const id = await createGroup(engine, alice, ...readers);
    await engine.appendMessage(tenant, text(id, alice, 'hello'));
    const gone = newConversationId();
    await admin.zadd(keys.unlisted(tenant), Date.now(), `${gone} a-dead-node`);
    const later = new StillClock();
    later.advance(2 * TIMES.unlistedMs);
    const other = await openEngineOn(sharedRedisUrl(), { prefix, clock: later });
    await other.listConversations(tenant, alice, PAGE);
    await eventually(async () => expect(await admin.zcard(keys.unlisted(tenant))).toBe(0));
    for (const reader of readers) {
      const { entries, unread } = keys.user(tenant, reader);
      expect((await admin.hget(entries, id))?.split(' ')[2]).toBe('1');
      expect(await admin.get(unread)).toBe('1');
    }
    await other.close();
  });

  it('a list with damaged keys is logged once, and updated when they are whole', async () => {
    const { log, lines } = captureLog('error');
    const logging = await openEngineOn(sharedRedisUrl(), { prefix, clock, log });
    const dave = userId(randomUUID());
    const id = await createGroup(logging, alice, dave);
    await logging.appendMessage(tenant, text(id, alice, 'hello'));
    const { entries, order } = keys.user(tenant, dave);
    await admin.set(entries, 'damaged');
    const failures = async () =>
      Number(/errorstat_WRONGTYPE:count=(\d+)/.exec(await admin.info('errorstats'))?.[1] ?? 0);
    // Each attempt fails, and sets the timer of the next.
    for (let tries = 0; tries < 3; tries += 1) {
      const before = await failures();
      await eventually(async () => {
        clock.advance(TIMES.listMs);
        expect(await failures()).toBeGreaterThan(before);
      });
    }
    expect(lines()).toMatchObject([{ msg: 'lists not updated', tenant, subject: id }]);
    await admin.del(entries, order);
    await eventually(async () => {
      clock.advance(TIMES.listMs);
      expect((await admin.hget(entries, id))?.split(' ')[2]).toBe('1');
    });
    await logging.close();
  });

  it('an entry of a user who is no member any more does not change', async () => {
    const dave = userId(randomUUID());
    const id = await createGroup(engine, alice, dave);
    expect(await engine.changeListed(tenant, dave, id, { isPinned: true })).toMatchObject({ isPinned: true });
    await admin.hdel(keys.conversation(tenant, id).members, dave);
    expect(await engine.changeListed(tenant, dave, id, { isPinned: false })).toBeNull();
  });

  it('a conversation is large from one member more than have it in their lists', async () => {
    const crowd = Array.from({ length: LIMITS.listedMembers - 1 }, (_, n) => userId(`crowd-${n}`));
    const id = await createGroup(engine, alice, ...crowd);
    const isLarge = () => admin.hget(keys.conversation(tenant, id).meta, 'large');
    expect(await isLarge()).toBeNull();
    await engine.addMembers(tenant, id, [userId('one-more')], 'MEMBER');
    expect(await isLarge()).toBe('1');
    const begun = await createGroup(engine, alice, ...crowd, userId('one-more'));
    expect(await admin.hget(keys.conversation(tenant, begun).meta, 'large')).toBe('1');
  });
});
