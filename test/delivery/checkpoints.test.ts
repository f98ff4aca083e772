/** A checkpoint names the conversations that changed last, and holds no more, however many its user has. */
import type { Following } from '../../src/delivery/conversations/following.ts';
import { Checkpoints } from '../../src/delivery/inbox/checkpoints.ts';
import { TIMES } from '../../src/limits.ts';
import type { ConversationId } from '../../src/model.ts';

const APART_MS = TIMES.clocksApartMs;
const MOST = 2;

/** Conversations of which everything is heard at any time. */
function streamOf(ids: readonly string[], now: () => number) {
  const all = new Map<ConversationId, Following<object>>();
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
    all.set(id as ConversationId, following as unknown as Following<object>);
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

  it('are incomplete while a conversation that changed recently is not named', async () => {
    now = 10 * APART_MS;
    const checkpoints = begun(now, now, now, now - 9 * APART_MS);
    expect((await namesOf(checkpoints))[1]).toBe(false);
    now += 3 * APART_MS;
    expect((await namesOf(checkpoints))[1]).toBe(true);
    for (const id of ids) checkpoints.touch(id as ConversationId, now);
    expect(await namesOf(checkpoints)).toEqual([['c', 'd'], false]);
  });
});
