/** What the scripts for members of a conversation store in Redis, announce and leave. */
import { randomUUID } from 'node:crypto';
import { createKeys } from '../../src/engine/redis/keys.ts';
import type { ConversationKeys } from '../../src/engine/redis/subject-keys.ts';
import { newConversationId, tenant } from '../support/world.ts';
import { scriptsOnRedis } from './scripts-on-redis.ts';

const keys = createKeys(`members-${randomUUID().slice(0, 8)}`, 0);
const DAY_MS = 86_400_000;

describe('the members of a conversation', () => {
  const { redis, run } = scriptsOnRedis();
  let at: ConversationKeys;
  beforeEach(() => {
    at = keys.conversation(tenant, newConversationId());
  });

  const outcome = async (answer: Promise<unknown>) => ((await answer) as unknown[])[0];
  const create = (members: readonly (readonly [user: string, role: string])[], most = 100, kind = 'GROUP') =>
    outcome(
      run(
        'create-conversation',
        [at.meta, at.members, at.joins, at.notes, at.gone, at.channel, at.events.outbox],
        [0, `"id":"c","kind":"${kind}"`, 'null', 'nonce', most, 'c', '1', ...members.flat()],
      ),
    );
  const add = (users: readonly string[], cap = 100, role = 'MEMBER') =>
    outcome(
      run(
        'add-members',
        [at.meta, at.members, at.joins, at.notes, at.channel, at.events.outbox],
        [0, cap, role, 100, 'c', '1', ...users],
      ),
    );
  const remove = (user: string, ...actor: readonly string[]) =>
    outcome(
      run(
        'remove-member',
        [at.meta, at.members, at.joins, at.typing, at.notes, at.channel, at.events.outbox],
        [user, ...actor],
      ),
    );
  const setRole = (user: string, role: string) =>
    outcome(run('set-role', [at.meta, at.members, at.channel, at.events.outbox], [user, role]));
  const rename = (name: string) =>
    outcome(run('rename-conversation', [at.meta, at.channel, at.events.outbox], [`"${name}"`]));
  const destroy = (...actor: readonly string[]) => {
    const { meta, members, joins, messages, log, typing, notes, streams, texts, stops, gone, channel, events } = at;
    const all = [meta, members, joins, messages, log, typing, notes, streams, texts, stops, gone, channel];
    return outcome(run('delete-conversation', [...all, events.outbox], [DAY_MS, ...actor]));
  };
  /** All that was announced. */
  const announced = async () =>
    (await redis.xrange(at.events.outbox, '-', '+')).map(([, [, json = '']]) => JSON.parse(json));

  it('are as many as there may be, each counted once', async () => {
    await create([['alice', 'OWNER']]);
    expect(await add(['bob', 'bob', 'alice', 'bob'], 2)).toBe('changed');
    expect(await redis.hget(at.meta, 'members')).toBe('2');
    expect(await redis.zrange(at.joins, '0', '-1')).toEqual(['alice', 'bob']);
    expect([await add(['carol'], 2), await add(['bob'], 2), await add(['carol', 'dave'], 3)]).toEqual([
      'full',
      'unchanged',
      'full',
    ]);
    expect(await add(['carol'], 3)).toBe('changed');
  });

  it('begin and join with a place among their conversations, where that is on the same server', async () => {
    const places = `${at.meta}:places`;
    const begin = () =>
      outcome(
        run(
          'create-conversation',
          [at.meta, at.members, at.joins, at.notes, at.gone, at.channel, places],
          [0, '"id":"c","kind":"GROUP"', 'null', 'nonce', 100, 'c', '1', 'alice', 'OWNER'],
        ),
      );
    const join = () =>
      outcome(
        run(
          'add-members',
          [at.meta, at.members, at.joins, at.notes, at.channel, places],
          [0, 100, 'MEMBER', 100, 'c', '1', 'bob'],
        ),
      );
    await redis.zadd(places, 1, 'another');
    expect([await begin(), await join()]).toEqual(['quota-full', 'not-found']);
    await redis.zadd(places, 1, 'c');
    expect([await begin(), await begin()]).toEqual(['created', 'exists']);
    await redis.zrem(places, 'c');
    expect(await join()).toBe('quota-full');
    await redis.zadd(places, 1, 'c');
    expect([await join(), await join(), await redis.hlen(at.members)]).toEqual(['changed', 'unchanged', 2]);
  });

  it('of a conversation that begins with more than a number are told that it is large', async () => {
    const three = [
      ['alice', 'OWNER'],
      ['bob', 'MEMBER'],
      ['carol', 'MEMBER'],
    ] as const;
    const flags = async () => (await redis.hvals(at.notes)).map((note) => note.split(':')[6]);
    await create(three, 3);
    expect([await redis.hget(at.meta, 'large'), await flags()]).toEqual([null, ['-', '-', '-']]);
    at = keys.conversation(tenant, newConversationId());
    await create(three, 2);
    expect([await redis.hget(at.meta, 'large'), await flags()]).toEqual(['1', ['l', 'l', 'l']]);
  });

  it('of a direct conversation are noted with the other one', async () => {
    const both = [
      ['alice', 'MEMBER'],
      ['bob', 'MEMBER'],
    ] as const;
    const peers = async () =>
      Object.entries(await redis.hgetall(at.notes)).map(([user, note]) => [user, ...note.split(':').slice(6)]);
    await create(both);
    expect(await peers()).toEqual([
      ['alice', '-', ''],
      ['bob', '-', ''],
    ]);
    at = keys.conversation(tenant, newConversationId());
    await create(both, 100, 'DIRECT');
    expect(await peers()).toEqual([
      ['alice', '-', 'bob'],
      ['bob', '-', 'alice'],
    ]);
  });

  it('have an owner, whoever becomes one and in whatever way', async () => {
    await create([['alice', 'OWNER']]);
    expect(await setRole('alice', 'MEMBER')).toBe('last-owner');
    await add(['bob'], 100, 'OWNER');
    expect([await setRole('alice', 'MEMBER'), await setRole('bob', 'MODERATOR')]).toEqual(['changed', 'last-owner']);
    expect([await setRole('alice', 'OWNER'), await setRole('bob', 'MEMBER')]).toEqual(['changed', 'changed']);
    expect([await setRole('alice', 'MEMBER'), await setRole('alice', 'OWNER')]).toEqual(['last-owner', 'unchanged']);
    await remove('alice');
    expect(await setRole('bob', 'MEMBER')).toBe('last-owner');
    await remove('bob');
    expect(await redis.hmget(at.meta, 'owners', 'members')).toEqual(['0', '0']);
    await add(['carol', 'dave']);
    expect([await setRole('carol', 'MEMBER'), await setRole('dave', 'MEMBER')]).toEqual(['last-owner', 'unchanged']);
  });

  it('are removed by an owner, or by who ranks above them; a role of a newer version has the least rank', async () => {
    const may: [actor: string, member: string, isAllowed: boolean][] = [
      ['OWNER', 'OWNER', true],
      ['OWNER', 'MODERATOR', true],
      ['MODERATOR', 'OWNER', false],
      ['MODERATOR', 'MODERATOR', false],
      ['MODERATOR', 'MEMBER', true],
      ['MODERATOR', 'NEWER', true],
      ['NEWER', 'MEMBER', false],
      ['NEWER', 'NEWER', false],
      ['MEMBER', 'NEWER', false],
    ];
    const outcomes = [];
    for (const [actor, member] of may) {
      at = keys.conversation(tenant, newConversationId());
      await create([
        ['first', 'OWNER'],
        ['actor', actor],
        ['member', member],
      ]);
      outcomes.push([actor, member, (await remove('member', 'actor', 'MEMBER')) === 'changed']);
      if (actor === 'NEWER') expect(await remove('first', 'actor', 'MODERATOR')).toBe('not-allowed');
    }
    expect(outcomes).toEqual(may);
  });

  it('leave by themselves whatever their role, and nothing of them stays but the note for their list', async () => {
    await create([
      ['alice', 'OWNER'],
      ['bob', 'MEMBER'],
    ]);
    await redis.zadd(at.typing, Date.now() + DAY_MS, 'bob', Date.now() + DAY_MS, 'alice');
    expect(await remove('bob', 'bob', 'MODERATOR')).toBe('not-allowed');
    expect([await remove('bob', 'bob', 'MEMBER'), await remove('bob')]).toEqual(['changed', 'unchanged']);
    const rest = [redis.hkeys(at.members), redis.zrange(at.joins, '0', '-1'), redis.zrange(at.typing, '0', '-1')];
    expect(await Promise.all(rest)).toEqual([['alice'], ['alice'], ['alice']]);
    expect(await redis.hget(at.notes, 'bob')).toMatch(/^\d+:0:L$/);
    expect((await announced()).at(-1)).toMatchObject({ left: ['bob'], why: 'LEFT', conversation: { memberCount: 1 } });
    await add(['carol']);
    await remove('carol', 'alice', 'MODERATOR');
    expect(await redis.hget(at.notes, 'carol')).toMatch(/^\d+:0:R$/);
    expect((await announced()).at(-1)).toMatchObject({ left: ['carol'], why: 'REMOVED' });
  });

  it('a deleted conversation leaves the notes for the lists, and its id is taken for a time', async () => {
    await create([
      ['alice', 'OWNER'],
      ['bob', 'MODERATOR'],
    ]);
    const { meta, members, joins, messages, log, typing, streams, texts, stops, gone } = at;
    for (const hash of [messages, streams, texts]) await redis.hset(hash, '1', 'x');
    for (const set of [typing, stops]) await redis.zadd(set, Date.now() + DAY_MS, 'x');
    await redis.xadd(log, '1-0', 's', '1');
    const all = [meta, members, joins, messages, log, typing, streams, texts, stops];
    expect(await redis.exists(...all)).toBe(all.length);
    expect([await destroy('NOBODY', 'NOBODY'), await destroy('bob', 'OWNER')]).toEqual(['not-allowed', 'not-allowed']);
    expect(await redis.exists(...all, gone)).toBe(all.length);
    expect([await destroy('alice', 'OWNER'), await destroy('alice', 'OWNER')]).toEqual(['deleted', 'not-found']);
    expect(await redis.exists(...all)).toBe(0);
    const left = await redis.pttl(gone);
    expect([left > 0, left <= DAY_MS]).toEqual([true, true]);
    expect((await redis.hvals(at.notes)).map((note) => note.replace(/^\d+/, ''))).toEqual([':0:D', ':0:D']);
    expect((await announced()).at(-1)).toMatchObject({ why: 'DELETED', conversation: { memberCount: 0 } });
    expect(await create([['alice', 'OWNER']])).toBe('gone');
    await redis.del(gone);
    expect([await create([['alice', 'OWNER']]), await remove('alice')]).toEqual(['created', 'changed']);
    expect(await destroy('NOBODY', 'NOBODY')).toBe('deleted');
  });

  it('each change is announced with the version before it; a new conversation has none before', async () => {
    const before = Date.now();
    await create([['alice', 'OWNER']]);
    await rename('one');
    await rename('one');
    await rename('two');
    const [created, ...renamed] = await announced();
    const versions = [created, ...renamed].map(({ conversation }) => conversation.version);
    expect([created.mark, created.isNew]).toEqual([[null, versions[0]], true]);
    // Above all that an earlier run of the server gave, which may be lost.
    expect(versions[0]).toBeGreaterThanOrEqual(before - 1_000);
    expect(renamed.map(({ mark, isNew }) => [mark, isNew])).toEqual([
      [versions.slice(0, 2), undefined],
      [versions.slice(1, 3), undefined],
    ]);
    expect([created.joined, renamed[0].joined]).toEqual([['alice'], []]);
  });

  it('a message is announced with the trace that it was sent in', async () => {
    await create([['alice', 'OWNER']]);
    const { meta, members, messages, log, typing, notes, channel, events } = at;
    const send = (trace: string) =>
      run(
        'append-message',
        [meta, members, messages, log, typing, notes, channel, events.outbox],
        [0, '0', 'alice', 'key', '"c"', 'nonce-of-12', 'alice', '', '', 'hello', '', '1', trace, '', '', '', ''],
      );
    await send('');
    await send('00-1-2-01');
    const sent = (await announced()).filter(({ type }) => type === 'message');
    expect(sent.map(({ trace }) => trace)).toEqual([undefined, '00-1-2-01']);
    expect(sent.map(({ message }) => message.clientMessageId)).toEqual([null, null]);
  });
});
