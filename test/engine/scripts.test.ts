/** Decisions of scripts that an engine on one server seldom or never comes to. */
import { randomUUID } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { LUA_MUTATIONS } from '../../scripts/mutation/lua.ts';
import type { Engine } from '../../src/engine/port.ts';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { defineScripts, type RunScript } from '../../src/engine/redis/scripts.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConversationId, TenantId, UserId } from '../../src/model.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { sharedRedisUrl } from '../support/shared-redis.ts';
import { StillClock } from '../support/still-clock.ts';
import { alice, bob, carol, createGroup, newConversationId, sendText, tenant, text, userId } from '../support/world.ts';

it('each change of a mutation run occurs once in its script, and overlaps no other', () => {
  const root = new URL('../../', import.meta.url);
  const scripts = globSync('src/engine/redis/lua/*.lua', { cwd: root });
  const textOf = (name: string): string => readFileSync(new URL(`src/engine/redis/lua/${name}.lua`, root), 'utf8');
  for (const name of new Set(LUA_MUTATIONS.map(({ file }) => file))) {
    const lua = textOf(name);
    const places = LUA_MUTATIONS.filter(({ file }) => file === name)
      .map(({ from }) => ({ from, parts: lua.split(from).length - 1, start: lua.indexOf(from) }))
      .sort((one, other) => one.start - other.start);
    expect(places.filter(({ parts }) => parts !== 1)).toEqual([]);
    const overlapping = places.filter(
      ({ from, start }, index) => start + from.length > (places[index + 1]?.start ?? lua.length),
    );
    expect([name, overlapping]).toEqual([name, []]);
  }
  expect(scripts.length).toBeGreaterThan(80);
});

describe('scripts', () => {
  const prefix = `scripts-${randomUUID().slice(0, 8)}`;
  const keys = createKeys(prefix, 0);
  const clock = new StillClock();
  let admin: Redis;
  let run: RunScript;
  let engine: Engine;
  beforeAll(async () => {
    admin = new Redis(sharedRedisUrl());
    run = defineScripts(admin);
    engine = await openEngineOn(sharedRedisUrl(), { prefix, clock });
  });
  afterAll(async () => {
    await engine.close();
    admin.disconnect();
  });
  const someone = (): UserId => userId(randomUUID());

  it('a log remembers its latest epochs, and positions of earlier ones are refused', async () => {
    const id = await createGroup(engine, alice);
    const { meta } = keys.conversation(tenant, id);
    const positions = [];
    for (let n = 0; n < LIMITS.rememberedEpochs + 2; n += 1) {
      positions.push((await sendText(engine, id, alice, `${n}`)).position);
      await admin.hset(meta, 'history', `history ${n}`);
    }
    expect(new Set(positions.map(({ epoch }) => epoch)).size).toBe(positions.length);
    const outcomes = await Promise.all(positions.map((position) => engine.readLog(tenant, id, position, 1)));
    const read = outcomes.map((page) => (page.outcome === 'expired' ? page.reason : page.outcome));
    expect(read.slice(0, 2)).toEqual(['EPOCH', 'EPOCH']);
    expect(read.slice(2).every((outcome) => outcome === 'read')).toBe(true);
  });

  it('a conversation is begun and joined by any number of members at once', async () => {
    const crowd = Array.from({ length: 1_200 }, (_, n) => userId(`crowd-${n}`));
    const id = await createGroup(engine, alice, ...crowd.slice(0, 600));
    await engine.addMembers(tenant, id, crowd.slice(600), 'MEMBER');
    const late = userId('a late one');
    await engine.addMembers(tenant, id, [late], 'MEMBER');
    const members = await engine.listMembers(tenant, id, 0, 2_000);
    expect(members.map((member) => member.userId)).toEqual([alice, ...crowd, late]);
    expect(new Set(members.map(({ ordinal }) => ordinal)).size).toBe(members.length);
    const { notes: outbox } = keys.conversation(tenant, id);
    await admin.del(outbox);
    const notes = crowd.flatMap((user, n) => [user, `note ${n}`]);
    await admin.hset(outbox, ...notes);
    // Those that were replaced meanwhile stay.
    const replaced = [notes[0] ?? '', notes[2_398] ?? ''];
    for (const user of replaced) await admin.hset(outbox, user, 'a later note');
    await run('drop-notes', [outbox], notes);
    expect((await admin.hkeys(outbox)).sort()).toEqual(replaced.sort());
  });

  it('a user joins on another server only with the place that the caller has', async () => {
    const room = newConversationId();
    const joiner = someone();
    const members = [{ userId: alice, role: 'OWNER' as const }];
    await engine.createConversation(tenant, { id: room, name: null, kind: 'ROOM', createdBy: alice, members });
    const { meta, members: key, joins, notes: outbox, channel } = keys.conversation(tenant, room);
    const join = (told: '0' | '1') =>
      run('add-members', [meta, key, joins, outbox, channel], [0, 100, 'MEMBER', 100, room, told, joiner]);
    expect(await join('0')).toEqual(['quota-full']);
    expect(await admin.hexists(key, joiner)).toBe(0);
    expect(await join('1')).toEqual(expect.arrayContaining(['changed']));
    const other = keys.conversation(tenant, newConversationId());
    const create = (told: '0' | '1') =>
      run(
        'create-conversation',
        [other.meta, other.members, other.joins, other.notes, other.gone, other.channel],
        [0, '"kind":"ROOM"', 'null', 'nonce', 100, 'other', told, alice, 'OWNER'],
      );
    expect(await create('0')).toEqual(['quota-full']);
    expect(await create('1')).toEqual(expect.arrayContaining(['created']));
  });

  describe('notes of members after a failover', () => {
    /** Each user's note: its version, and what follows. */
    async function renote(id: ConversationId, most: number, version: number, ...users: UserId[]) {
      const { meta, members, notes: outbox } = keys.conversation(tenant, id);
      await admin.del(outbox);
      await run('renote-memberships', [meta, members, outbox], [most, version, ...users]);
      const notes = Object.entries(await admin.hgetall(outbox)).map(([user, note]) => {
        const [own = '', ...rest] = note.split(':');
        return [user, Number(own), rest.join(':')] as const;
      });
      return {
        versions: new Set(notes.map(([, own]) => own)),
        notes: Object.fromEntries(notes.map(([user, , rest]) => [user, rest])),
      };
    }
    const activityOf = async (id: ConversationId): Promise<string> => {
      const [activity, head = ''] = await admin.hmget(keys.conversation(tenant, id).meta, 'activity', 'head');
      return activity === 'null' ? (/"createdAt":(\d+)/.exec(head ?? '')?.[1] ?? '') : (activity ?? '');
    };

    it('are of all members of a small conversation, and of those who are none any more', async () => {
      const id = await createGroup(engine, alice, bob);
      const since = await activityOf(id);
      const { notes } = await renote(id, 2, 1, carol);
      expect(notes).toEqual({ alice: `1:G:${since}:0:0:a:`, bob: `1:G:${since}:0:0:a:`, carol: '0:R' });
      await engine.appendMessage(tenant, text(id, alice, 'x'));
      const later = await activityOf(id);
      expect((await renote(id, 2, 1)).notes).toEqual({
        alice: `1:G:${later}:1:1:a:`,
        bob: `1:G:${later}:1:0:a:`,
      });
      // One member more than such a conversation has.
      expect((await renote(id, 1, 1, bob)).notes).toEqual({ bob: `1:G:${later}:1:0:a:` });
    });

    it('name the other member of a direct conversation', async () => {
      const id = newConversationId();
      const members = [alice, bob].map((user) => ({ userId: user, role: 'MEMBER' as const }));
      await engine.createConversation(tenant, { id, name: null, kind: 'DIRECT', createdBy: alice, members });
      const since = await activityOf(id);
      expect((await renote(id, 2, 1)).notes).toEqual({
        alice: `1:D:${since}:0:0:a:bob`,
        bob: `1:D:${since}:0:0:a:alice`,
      });
    });

    it('of a large conversation are only of the named, and say that it is large', async () => {
      const id = await createGroup(engine, alice, bob);
      await admin.hset(keys.conversation(tenant, id).meta, 'large', 1);
      const { notes } = await renote(id, 100, 1, bob);
      expect(notes).toEqual({ bob: `1:G:${await activityOf(id)}:0:0:L:` });
    });

    it('have a version above all earlier ones, also of a conversation that was lost', async () => {
      const id = await createGroup(engine, alice);
      const far = Date.now() + 1_000_000;
      expect([...(await renote(id, 10, far)).versions]).toEqual([far + 1]);
      expect([...(await renote(id, 10, 1)).versions]).toEqual([far + 2]);
      const lost = await renote(newConversationId(), 10, far, bob);
      expect([[...lost.versions], lost.notes]).toEqual([[far + 1], { bob: '0:R' }]);
    });
  });

  it('a note of an older version names a member and no entry; a list has it once it is read', async () => {
    const user = someone();
    const id = await createGroup(engine, alice);
    const { list, membershipsMark, membershipsChannel: memberships, entries, conversations } = keys.user(tenant, user);
    const index = (note: string) =>
      run('index-membership', [...list, membershipsMark, memberships], ['0', id, note, 'nonce-of-12']);
    expect(await index('5:1')).toEqual([1]);
    expect([await admin.sismember(conversations, id), await admin.hlen(entries)]).toEqual([1, 0]);
    // The same, and an earlier one.
    expect([await index('5:1'), await index('4:0')]).toEqual([[0], [0]]);
    expect(await index('6:0')).toEqual([1]);
    expect([await index('6:1'), await index('5:1'), await admin.sismember(conversations, id)]).toEqual([[0], [0], 0]);
    expect(await index('7:1')).toEqual([1]);
  });

  it('a membership has its entry until it ends, which is logged once; after a failover the entry is set back', async () => {
    const user = someone();
    const id = newConversationId();
    const { list, membershipsMark, membershipsChannel, entries, large } = keys.user(tenant, user);
    const index = (note: string) =>
      run('index-membership', [...list, membershipsMark, membershipsChannel], ['0', id, note, 'nonce-of-12']);
    const entry = () => admin.hget(entries, id);
    const logged = async () => {
      const entries = (await run('read-user-log', list, ['0', '100', 'nonce'])) as unknown[];
      return entries.slice(4).map((each) => (each as string[])[3]);
    };
    await index('5:1:G:100:7:3:-:');
    expect([await entry(), await admin.scard(large)]).toEqual(['G 100 7 3 - 0 ', 0]);
    // When the conversation becomes large its members are noted again.
    await index('6:1:G:90:6:0:l:');
    expect([await entry(), await admin.scard(large)]).toEqual(['G 100 7 3 l 0 ', 1]);
    await index('7:1:G:90:6:2:L:');
    expect(await entry()).toBe('G 90 6 2 l 0 ');
    expect(await logged()).toEqual(['JOINED']);
    await index('8:0:L');
    expect([await entry(), await admin.exists(large)]).toEqual([null, 0]);
    expect(await index('9:0:R')).toEqual([1]);
    expect(await logged()).toEqual(['JOINED', 'LEFT']);
    await index('10:1:G:90:6:2:a:');
    await index('11:1:G:80:5:1:a:');
    expect([await entry(), await admin.scard(large)]).toEqual(['G 80 5 1 - 0 ', 0]);
    await index('12:0:D');
    expect(await logged()).toEqual(['JOINED', 'LEFT', 'JOINED', 'DELETED']);
  });

  it('a user keeps what is reserved, also when nothing is left, and gives back only that', async () => {
    const at = `${prefix}:{reserved}`;
    const reserve = (id: string, ms = 0) => run('take-reservation', [at], [ms, id, 1, 1_000, 16]) as Promise<string[]>;
    const conclude = (stamp = '', isMember = 0) => run('conclude-reservation', [at], [0, 'a', stamp, isMember]);
    const [outcome, first] = await reserve('a');
    const [again, second] = await reserve('a');
    expect([outcome, again, Number(second) > Number(first)]).toEqual(['taken', 'held', true]);
    expect([await reserve('b'), await reserve('b', 60_000)]).toEqual([['full'], ['full', 'a', second]]);
    // Of a clock that went back.
    const [, third] = await reserve('a', -60_000);
    expect(Number(third)).toBe(Number(second) + 1);
    await conclude(second);
    expect(await admin.zscore(at, 'a')).toBe(third);
    await conclude('', 1);
    await conclude(third);
    const last = await admin.zscore(at, 'a');
    expect(Number(last)).toBeGreaterThan(0);
    await conclude(last ?? '');
    expect(await admin.zscore(at, 'a')).toBeNull();
  });

  it('a webhook leaves nothing behind, and a node releases only its own', async () => {
    const at = { records: `${prefix}:{hooks}:r`, healths: `${prefix}:{hooks}:h`, holders: `${prefix}:{hooks}:o` };
    const save = (name: string) =>
      run('save-webhook', [at.records, at.holders], [name, '{"secret":"s","version":"1"}', 0, name]);
    const note = (name: string, version: string) =>
      run('note-webhook', [at.records, at.healths, at.holders], [name, version, '{"version":"1"}', '0', name]);
    const hold = (node: string, most: number) => run('hold-webhooks', [at.holders], [0, node, 60_000, most]);
    for (const name of ['a', 'b']) await save(name);
    const [[own], [other]] = [await hold('one', 1), await hold('two', 9)] as [string[], string[]];
    expect([own, other].sort()).toEqual(['a', 'b']);
    await run('leave-webhooks', [at.holders], ['one']);
    expect([await hold('three', 9), await hold('two', 9)]).toEqual([[own], [other]]);
    expect([await note('a', '1'), await note('a', '2'), await note('absent', '1')]).toEqual([
      'noted',
      'other',
      'other',
    ]);
    expect(await admin.hkeys(at.healths)).toEqual(['a']);
    const remove = (name: string) => run('delete-webhook', [at.records, at.healths, at.holders], [name, name]);
    expect([await remove('a'), await remove('a'), await remove('b')]).toEqual([1, 0, 1]);
    expect(await admin.exists(at.records, at.healths, at.holders)).toBe(0);
  });

  it('a webhook that a node let go of, or that is enabled again, is held by another', async () => {
    const at = { records: `${prefix}:{held}:r`, healths: `${prefix}:{held}:h`, holders: `${prefix}:{held}:o` };
    const save = () => run('save-webhook', [at.records, at.holders], ['a', '{"secret":"s","version":"1"}', 0, 'a']);
    const hold = (node: string, ms: number) => run('hold-webhooks', [at.holders], [ms, node, 60_000, 9]);
    const note = (isDisabled: '0' | '1') =>
      run('note-webhook', [at.records, at.healths, at.holders], ['a', '1', '{}', isDisabled, 'a']);
    await save();
    expect([await hold('one', 0), await hold('two', 30_000), await hold('one', 30_000)]).toEqual([['a'], [], ['a']]);
    expect([await hold('two', 80_000), await hold('two', 95_000), await hold('one', 96_000)]).toEqual([[], ['a'], []]);
    await note('0');
    expect(await hold('two', 97_000)).toEqual(['a']);
    await note('1');
    expect(await hold('two', 98_000)).toEqual([]);
    await save();
    expect(await hold('one', 0)).toEqual(['a']);
  });

  it('a read of conversations brings the notes that lists do not have yet', async () => {
    const [settled, other] = [await createGroup(engine, alice), await createGroup(engine, alice)];
    const at = [settled, other, newConversationId()].map((id) => keys.conversation(tenant, id));
    const read = async () =>
      (
        (await run(
          'read-conversations',
          at.flatMap(({ meta, notes }) => [meta, notes]),
          [],
        )) as unknown[][]
      ).map((each) => each?.[1]);
    for (const { notes } of at) await admin.del(notes);
    expect(await read()).toEqual([[], [], undefined]);
    await admin.hset(at[1]?.notes ?? '', bob, '5:1');
    expect(await read()).toEqual([[], [bob, '5:1'], undefined]);
  });

  it('a topic is read past any place, also one long before the first that is kept', async () => {
    const at = [`${prefix}:{topic}:meta`, `${prefix}:{topic}:history`];
    const read = async (place: number | '', count: number) =>
      ((await run('read-topic', at, [place, count])) as unknown[])[2];
    expect(await run('read-topic', at, ['', 2])).toEqual([null, null, []]);
    await admin.hset(at[0] ?? '', { epoch: 'e', place: 9 });
    await admin.rpush(at[1] ?? '', '7', '8', '9');
    expect(await Promise.all([0, 4, 5, 6, 7, 8, 9].map((place) => read(place, 2)))).toEqual([
      ...Array.from({ length: 4 }, () => ['7', '8']),
      ['8', '9'],
      ['9'],
      [],
    ]);
    expect([await read('', 2), await read(0, 9)]).toEqual([
      ['7', '8'],
      ['7', '8', '9'],
    ]);
  });

  it('of settings there are as many as there may be; one is replaced or deleted, and only a change is announced', async () => {
    const { mark, channel } = keys.topicPolicies('bounded' as TenantId);
    const settings = `${prefix}:{bounded}`;
    const save = (id: string, json: string) =>
      run('save-setting', [settings, mark, channel], [id, json, 2, 'topic-policies']);
    const remove = (id: string) => run('delete-setting', [settings, mark, channel], [id, 'topic-policies']);
    expect([await save('a', '1'), await save('b', '2'), await save('c', '3')]).toEqual([1, 1, 0]);
    expect([await save('a', '4'), await admin.hgetall(settings)]).toEqual([1, { a: '4', b: '2' }]);
    const before = await admin.get(mark);
    expect([await remove('c'), await save('d', '5'), await admin.get(mark)]).toEqual([null, 0, before]);
    expect([await remove('a'), await remove('a'), await save('d', '5')]).toEqual(['4', null, 1]);
    expect(Number(await admin.get(mark))).toBeGreaterThan(Number(before));
    expect(await admin.hgetall(settings)).toEqual({ b: '2', d: '5' });
  });

  it('marks of one moment differ, also when the clock of the server goes back', async () => {
    const of = 'marks' as TenantId;
    const { mark, channel } = keys.routingRules(of);
    const settings = `${prefix}:{settings}`;
    const save = (nth: number) =>
      run('save-setting', [settings, mark, channel], [`id ${nth}`, '{}', 100, 'routing-rules']);
    const marks: number[] = [];
    for (let nth = 0; nth < 30; nth += 1) {
      await save(nth);
      marks.push(Number(await admin.get(mark)));
    }
    const ahead = Date.now() + 60_000;
    await admin.set(mark, ahead);
    await save(31);
    expect(Number(await admin.get(mark))).toBe(ahead + 1);
    expect(await admin.pttl(mark)).toBeGreaterThan(TIMES.headCheckMs);
    expect(marks).toEqual([...new Set(marks)].sort((one, other) => one - other));
  });
});
