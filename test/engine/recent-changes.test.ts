/** What a node remembers for the repair after a failover of one server of a cluster. */
import { RecentChanges } from '../../src/engine/redis/recent-changes.ts';
import { type NodeConnection, RecentDepartures } from '../../src/engine/redis/recent-departures.ts';
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

describe('the time for which changes are remembered', () => {
  const idsOf = (recent: RecentChanges): ConversationId[] => recent.all().map(({ id }) => id);

  it('is up to, and not at, the instant that no failover undoes any more', () => {
    const clock = new StillClock();
    const recent = new RecentChanges(clock);
    const [first, second] = [newConversationId(), newConversationId()];
    recent.remember(tenant, first);
    clock.advance(1);
    recent.remember(tenant, second);
    clock.advance(TIMES.changeMs - 1);
    // No server is known to be well since the start.
    expect(idsOf(recent)).toEqual([first, second]);
    recent.areTogether();
    expect(idsOf(recent)).toEqual([second]);
    clock.advance(1);
    expect(idsOf(recent)).toEqual([second]);
    recent.areTogether();
    expect(idsOf(recent)).toEqual([]);
  });

  it('of a user begins anew with each note, and the highest version counts', () => {
    const clock = new StillClock();
    const recent = new RecentChanges(clock);
    const id = newConversationId();
    recent.rememberNotes(tenant, id, ['a', '7:1:G', 'b', '9:0:L']);
    clock.advance(TIMES.changeMs / 2);
    recent.rememberNotes(tenant, id, ['a', '8:0:L']);
    clock.advance(TIMES.changeMs / 2);
    recent.areTogether();
    recent.rememberNotes(tenant, id, []);
    recent.remember(tenant, id);
    const [change] = recent.all();
    expect([...(change?.users ?? []), change?.version]).toEqual(['a', 9]);
  });

  it('ends early for the oldest where there are too many, users included', () => {
    const recent = new RecentChanges(new StillClock());
    const [oldest, crowd] = [newConversationId(), newConversationId()];
    recent.remember(tenant, oldest);
    recent.rememberNotes(tenant, crowd, notesOf(0, LIMITS.rememberedChanges - 2));
    expect(idsOf(recent)).toEqual([oldest, crowd]);
    recent.rememberNotes(tenant, crowd, notesOf(0, 1));
    expect(idsOf(recent)).toEqual([oldest, crowd]);
    recent.rememberNotes(tenant, crowd, notesOf(LIMITS.rememberedChanges - 2, 1));
    expect(idsOf(recent)).toEqual([crowd]);
    recent.rememberNotes(tenant, oldest, notesOf(0, 1));
    expect(idsOf(recent)).toEqual([oldest]);
  });
});

describe('recent departures', () => {
  const departure = (name: string): NodeConnection => [tenant, alice, connectionId(name)];

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

  it('are forgotten at, and not before, the instant up to which no server can show them again', () => {
    const clock = new StillClock();
    const recent = new RecentDepartures(clock);
    recent.remember(departure('first'));
    clock.advance(TIMES.departureMs - 1);
    recent.areTogether();
    expect(recent.all()).toEqual([departure('first')]);
    clock.advance(1);
    recent.areTogether();
    expect(recent.all()).toEqual([]);
  });

  it('of a connection that left again is the later one', () => {
    const clock = new StillClock();
    const recent = new RecentDepartures(clock);
    for (const name of ['again', 'other', 'again']) {
      recent.remember(departure(name));
      clock.advance(1);
    }
    expect(recent.all()).toEqual([departure('other'), departure('again')]);
    clock.advance(TIMES.departureMs - 2);
    recent.areTogether();
    expect(recent.all()).toEqual([departure('again')]);
  });
});
