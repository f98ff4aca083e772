/** What a node remembers so that a failover of one server of a cluster can be repaired. */
import { RecentChanges } from '../../src/engine/redis/recent-changes.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConversationId } from '../../src/model.ts';
import { StillClock } from '../support/still-clock.ts';
import { newConversationId, tenant } from '../support/world.ts';

const notesOf = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) => [`u${from + index}`, `${from + index + 1}:0:L`]).flat();

describe('recent changes', () => {
  it('lets no conversation that goes on take the room of others with users who came and went long ago', () => {
    const clock = new StillClock();
    const recent = new RecentChanges(clock);
    const busy = newConversationId();
    const half = LIMITS.rememberedChanges / 2;
    recent.rememberNotes(tenant, busy, notesOf(0, half));
    clock.advance(TIMES.changeMs / 2);
    recent.remember(tenant, busy);
    clock.advance(TIMES.changeMs / 2);
    recent.rememberNotes(tenant, busy, notesOf(half, 1));

    const others = Array.from({ length: half + 1 }, newConversationId);
    for (const id of others) recent.remember(tenant, id);

    const known = recent.all();
    expect(new Set(known.map(({ id }): ConversationId => id))).toEqual(new Set([busy, ...others]));
    const change = known.find(({ id }) => id === busy);
    expect([...(change?.users ?? [])]).toEqual([`u${half}`]);
    expect(change?.version).toBe(half + 1);
  });
});
