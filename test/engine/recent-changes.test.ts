/** What a node remembers so that a failover of one server of a cluster can be repaired. */
import { setImmediate as turn } from 'node:timers/promises';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { RecentChanges } from '../../src/engine/redis/recent-changes.ts';
import { Reconciliation } from '../../src/engine/redis/reconciliation.ts';
import { unavailable } from '../../src/errors.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConversationId } from '../../src/model.ts';
import { StillClock } from '../support/still-clock.ts';
import { newConversationId, silentLog, tenant } from '../support/world.ts';

const notesOf = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) => [`u${from + index}`, `${from + index + 1}:0:L`]).flat();

interface Parts {
  readonly recent: RecentChanges;
  readonly clock: StillClock;
  readonly lives: () => Promise<string>;
}

/** A reconciliation of a server whose life is asked of `lives`; answers what it noted anew. */
async function reconciling({ recent, clock, lives }: Parts): Promise<readonly unknown[][]> {
  const noted: unknown[][] = [];
  const run = async (name: string, _keys: unknown, args: unknown[]): Promise<unknown> => {
    noted.push([name, ...args]);
    return [];
  };
  const done = async (): Promise<void> => undefined;
  const client = { info: async () => `run_id:${await lives()}` };
  const parts = { recent, clock, log: silentLog, memberships: { settle: done }, lists: { tellAll: done } };
  const reconciliation = new Reconciliation(client as never, run as never, createKeys('test', 0), parts as never);
  await reconciliation.start();
  return noted;
}

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

  it('are remembered while a server is away for longer than a minute, and compared once it is back', async () => {
    const clock = new StillClock();
    const recent = new RecentChanges(clock);
    let lives = Promise.resolve('a');
    const noted = await reconciling({ recent, clock, lives: () => lives });
    const id = newConversationId();
    recent.rememberNotes(tenant, id, ['u1', '7:0:L']);

    lives = Promise.reject(unavailable());
    lives.catch(() => undefined);
    for (let past = 0; past <= TIMES.changeMs; past += TIMES.nodeRenewMs) {
      clock.advance(TIMES.nodeRenewMs);
      await turn();
    }
    lives = Promise.resolve('b');
    clock.advance(TIMES.nodeRenewMs);
    await turn();

    expect(noted).toEqual([['renote-memberships', LIMITS.listedMembers, 7, 'u1']]);
    for (let past = 0; past <= TIMES.changeMs; past += TIMES.nodeRenewMs) {
      clock.advance(TIMES.nodeRenewMs);
      await turn();
    }
    expect(recent.all()).toEqual([]);
  });
});
