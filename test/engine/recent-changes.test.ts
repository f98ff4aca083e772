/** What a node remembers so that a failover of one server of a cluster can be repaired. */
import { RecentChanges } from '../../src/engine/redis/recent-changes.ts';
import { type Held, RecentDepartures } from '../../src/engine/redis/recent-departures.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConversationId } from '../../src/model.ts';
import { StillClock } from '../support/still-clock.ts';
import { alice, connectionId, newConversationId, tenant } from '../support/world.ts';

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
    recent.areTogether();
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

describe('recent departures', () => {
  const departure = (name: string): Held => [tenant, alice, connectionId(name)];

  it('grow old only while no server is away, and take no more room than they have', () => {
    const clock = new StillClock();
    const recent = new RecentDepartures(clock);
    recent.remember(departure('first'));
    clock.advance(2 * TIMES.departureMs);
    recent.remember(departure('second'));
    expect(recent.all()).toEqual([departure('first'), departure('second')]);

    recent.areTogether();
    expect(recent.all()).toEqual([departure('second')]);

    for (let n = 1; n <= LIMITS.rememberedDepartures; n += 1) recent.remember(departure(`${n}`));
    expect(recent.all()).toHaveLength(LIMITS.rememberedDepartures);
    expect(recent.all()[0]).toEqual(departure('1'));
  });
});
