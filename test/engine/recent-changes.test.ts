/** What a node remembers for the repair after a failover of one server of a cluster. */
import { RecentChanges } from '../../src/engine/redis/recent-changes.ts';
import { type Held, RecentDepartures } from '../../src/engine/redis/recent-departures.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConversationId } from '../../src/model.ts';
import { StillClock } from '../support/still-clock.ts';
import { alice, connectionId, newConversationId, tenant } from '../support/world.ts';

const notesOf = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) => [`u${from + index}`, `${from + index + 1}:0:L`]).flat();

describe('recent changes', () => {
  it('a busy conversation does not keep its old changes of members in the place of others', () => {
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

  it('expire only while no server is away, and have a cap', () => {
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
