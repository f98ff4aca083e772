/** A checkpoint names the conversations that changed last, and holds no more, however many its user has. */
import type { FollowedConversation } from '../../src/delivery/conversations/followed-conversation.ts';
import { Checkpoints } from '../../src/delivery/inbox/checkpoints.ts';
import { TIMES } from '../../src/limits.ts';
import type { ConversationId } from '../../src/model.ts';

const APART_MS = TIMES.clocksApartMs;
const MOST = 2;

/** Conversations of which everything is heard at any time. */
function streamOf(ids: readonly string[], now: () => number) {
  const all = new Map<ConversationId, FollowedConversation<object>>();
  for (const id of ids as readonly ConversationId[]) {
    const channel = {
      id,
      isSettled: true,
      get heardAt() {
        return now();
      },
      conversation: { version: 1 },
    };
    const following = { channel, isLive: true, isWithheld: false, isHidden: false, position: { epoch: 'e', place: 1 } };
    all.set(id as ConversationId, following as unknown as FollowedConversation<object>);
  }
  return { followed: () => all.values(), find: (id: ConversationId) => all.get(id) };
}

describe('checkpoints', () => {
  const ids = ['a', 'b', 'c', 'd'] as const;
  let now = 0;
  const stream = streamOf(ids, () => now);
  const namesOf = async (checkpoints: Checkpoints): Promise<[string[], boolean | undefined]> => {
    const taken = checkpoints.take(stream, await checkpoints.scan(stream, now));
    return [[...(taken?.points.keys() ?? [])].sort(), taken?.isWhole];
  };
  const begun = (...at: readonly number[]): Checkpoints => {
    const checkpoints = new Checkpoints(MOST);
    checkpoints.begin(ids.map((id, index) => [id as ConversationId, at[index] ?? 0]));
    return checkpoints;
  };

  it('name the conversations that changed last, in any order of events', async () => {
    now = 10 * APART_MS;
    expect(await namesOf(begun(4, 1, 3, 2))).toEqual([['a', 'c'], true]);
    expect((await namesOf(begun(1, 1, 1, 1)))[0]).toHaveLength(MOST);
    const checkpoints = begun(4, 1, 3, 2);
    checkpoints.touch('b' as ConversationId, 5);
    expect(await namesOf(checkpoints)).toEqual([['a', 'b'], true]);
  });

  it('remember no more than they name, also of what they begin with', async () => {
    now = 10 * APART_MS;
    const checkpoints = begun(now, now - 1, now - 2, now - 3);
    for (const id of ['a', 'b']) checkpoints.forget(id as ConversationId);
    expect(await namesOf(checkpoints)).toEqual([[], false]);
  });

  it('are incomplete while a conversation that changed recently is not named', async () => {
    now = 10 * APART_MS;
    const checkpoints = begun(now, now, now, now - 9 * APART_MS);
    expect((await namesOf(checkpoints))[1]).toBe(false);
    now += 3 * APART_MS;
    expect((await namesOf(checkpoints))[1]).toBe(true);
    for (const id of ids) checkpoints.touch(id as ConversationId, now);
    expect(await namesOf(checkpoints)).toEqual([['c', 'd'], false]);
  });

  describe('of conversations in different states', () => {
    interface State {
      isSettled: boolean;
      heardAt: number;
      isLive: boolean;
      isWithheld: boolean;
      isHidden: boolean;
      version: number | null;
    }
    const calm = (heardAt: number): State => ({
      isSettled: true,
      heardAt,
      isLive: true,
      isWithheld: false,
      isHidden: false,
      version: 3,
    });
    const AT = 10 * APART_MS;
    /** Followed conversations, and those that the scan still lists though they were left meanwhile. */
    function takenOf(
      states: Record<string, Partial<State>>,
      { most = MOST, left = [] as string[], now: at = AT } = {},
    ) {
      const all = new Map<ConversationId, FollowedConversation<object>>();
      for (const [id, state] of Object.entries(states)) {
        const { isSettled, heardAt, version, ...rest } = { ...calm(at), ...state };
        const conversation = version === null ? null : { version };
        const channel = { id, isSettled, heardAt, conversation };
        const position = { epoch: 'e', place: 7 };
        all.set(id as ConversationId, { channel, position, ...rest } as unknown as FollowedConversation<object>);
      }
      const followed = {
        followed: () => all.values(),
        find: (id: ConversationId) => (left.includes(id) ? undefined : all.get(id)),
      };
      const checkpoints = new Checkpoints(most);
      return { checkpoints, take: async () => checkpoints.take(followed, await checkpoints.scan(followed, at)) };
    }
    const pointsOf = (points: ReadonlyMap<ConversationId, unknown> | undefined): string[] => [
      ...(points?.keys() ?? []),
    ];

    it('say that everything was delivered up to what was heard of each settled one, less the skew of clocks', async () => {
      const { take } = takenOf({ a: { heardAt: AT - 5 }, b: { heardAt: AT - 9 }, c: { heardAt: 0, isSettled: false } });
      const taken = await take();
      expect([taken?.upTo, taken?.isWhole, pointsOf(taken?.points)]).toEqual([AT - 9 - APART_MS, true, ['c']]);
      expect((await takenOf({}).take())?.upTo).toBe(AT - APART_MS);
      expect(await takenOf({ a: { heardAt: Number.NEGATIVE_INFINITY } }).take()).toBeNull();
    });

    it('name those that are not settled or not live; too many of them are none', async () => {
      const states = { a: { isSettled: false }, b: { isLive: false }, c: {} };
      expect(pointsOf((await takenOf(states).take())?.points).sort()).toEqual(['a', 'b']);
      expect(await takenOf({ ...states, c: { isLive: false } }).take()).toBeNull();
      // Those that were left during the scan do not count.
      const left = takenOf({ ...states, c: { isLive: false, heardAt: 0 } }, { left: ['c'] });
      expect((await left.take())?.upTo).toBe(AT - APART_MS);
    });

    it('name hidden ones whose events are withheld, as far as there is room', async () => {
      const states = { a: { isWithheld: true }, b: { isWithheld: true }, c: { isWithheld: true } };
      const taken = await takenOf(states).take();
      expect([pointsOf(taken?.points), taken?.isWhole]).toEqual([['a', 'b'], true]);
    });

    it('have the position and the version that were told; nothing was told of a hidden one', async () => {
      const states = {
        a: { isSettled: false },
        b: { isSettled: false, isHidden: true },
        c: { isLive: false, version: null },
      };
      const taken = await takenOf(states, { most: 3 }).take();
      const position = { epoch: 'e', place: 7 };
      expect([...(taken?.points.values() ?? [])]).toEqual([
        { position, version: 3 },
        { position, version: 0 },
        { position, version: 0 },
      ]);
    });

    it('are whole when those left out changed before the time, less the skew of clocks', async () => {
      for (const [changedAt, isWhole] of [
        [AT - 2 * APART_MS, true],
        [AT - 2 * APART_MS + 1, false],
      ] as const) {
        const states = { a: { isSettled: false }, b: { isSettled: false }, c: {} };
        const { checkpoints, take } = takenOf(states);
        checkpoints.touch('c' as ConversationId, changedAt);
        expect((await take())?.isWhole).toBe(isWhole);
        // The same for one that is no longer remembered.
        const other = takenOf({ a: {}, b: {}, c: {} });
        for (const id of ['c', 'a', 'b']) other.checkpoints.touch(id as ConversationId, changedAt);
        expect((await other.take())?.isWhole).toBe(isWhole);
        const begunWith = takenOf({ a: {}, b: {}, c: {} });
        begunWith.checkpoints.begin(['c', 'a', 'b'].map((id) => [id as ConversationId, changedAt]));
        expect((await begunWith.take())?.isWhole).toBe(isWhole);
      }
    });

    it('do not name a conversation that was left', async () => {
      const { checkpoints, take } = takenOf({ a: {}, b: {} }, { left: ['a'] });
      checkpoints.begin([
        ['a' as ConversationId, AT],
        ['b' as ConversationId, AT],
      ]);
      expect(pointsOf((await take())?.points)).toEqual(['b']);
      checkpoints.forget('b' as ConversationId);
      expect(pointsOf((await take())?.points)).toEqual([]);
    });

    it('name the latest changes when others take most of the room', async () => {
      const { checkpoints, take } = takenOf({ a: { isSettled: false }, b: {}, c: {} });
      checkpoints.touch('b' as ConversationId, 0);
      checkpoints.touch('c' as ConversationId, AT);
      const taken = await take();
      expect([pointsOf(taken?.points), taken?.isWhole]).toEqual([['a', 'c'], true]);
    });

    it('remember no more conversations than they name', async () => {
      const { checkpoints, take } = takenOf({ a: {}, b: {}, c: {} });
      for (const id of ['a', 'b', 'c'] as ConversationId[]) checkpoints.touch(id, AT);
      for (const id of ['b', 'c'] as ConversationId[]) checkpoints.forget(id);
      expect(pointsOf((await take())?.points)).toEqual([]);
    });

    it('keep what changed before a later beginning', async () => {
      const { checkpoints, take } = takenOf({ a: {}, b: {}, c: {} });
      checkpoints.touch('a' as ConversationId, AT);
      checkpoints.begin([['b' as ConversationId, AT - 1]]);
      checkpoints.begin([['c' as ConversationId, AT - 2]]);
      expect(pointsOf((await take())?.points).sort()).toEqual(['a', 'b']);
    });
  });
});
