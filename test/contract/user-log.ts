/** The log of each user's list, which alone tells a returning client the conversations that its user is in. */
import { randomUUID } from 'node:crypto';
import type { Engine } from '../../src/engine/port.ts';
import type { ListEvent, UserLogEntry } from '../../src/engine/shared/user-log.ts';
import { LIMITS } from '../../src/limits.ts';
import type { ConversationId, Position, TenantId, UserId } from '../../src/model.ts';
import fc from '../support/fast-check.ts';
import { createGroup, type OpenWorld, tenant, userId, type World } from '../support/world.ts';

const STEP = fc.record({
  act: fc.constantFrom('create', 'add', 'join', 'leave', 'remove', 'delete', 'send'),
  user: fc.nat({ max: 2 }),
  at: fc.nat({ max: 2 }),
  isThere: fc.boolean(),
});
type Step = typeof STEP extends fc.Arbitrary<infer Value> ? Value : never;
/** Steps at random may leave out an event: these have each of them. */
const EACH_EVENT = (['create', 'leave', 'join', 'remove', 'add', 'send', 'delete'] as const).map((act) => {
  return { act, user: 0, at: 0, isThere: true } satisfies Step;
});

export function describeUserLogs(open: OpenWorld): void {
  describe('logs of users’ lists', () => {
    let world: World;
    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world.close());

    const someone = (): UserId => userId(`logged-${randomUUID()}`);
    async function read(user: UserId, after: Position | null, limit = 100, engine: Engine = world.other) {
      const page = await engine.readUserLog(tenant, user, after, limit);
      if (page.outcome !== 'read') throw new Error(page.reason);
      return page;
    }
    const told = (entries: readonly UserLogEntry[]) => entries.map((each) => [each.conversationId, each.event]);

    /** What each user was told must have happened, by what was done. */
    class Model {
      readonly users = [someone(), someone(), someone()];
      readonly ids: (ConversationId | null)[] = [null, null, null];
      readonly members = [new Set<UserId>(), new Set<UserId>(), new Set<UserId>()];
      readonly events = new Map<UserId, [ConversationId, ListEvent][]>(this.users.map((user) => [user, []]));

      async take({ act, user, at, isThere }: Step): Promise<void> {
        const engine = isThere ? world.other : world.engine;
        const who = this.users[user] as UserId;
        const id = this.ids[at] ?? null;
        const members = this.members[at] as Set<UserId>;
        if (act === 'create' && !id) {
          this.ids[at] = await createGroup(engine, ...this.users.slice(user));
          for (const each of this.users.slice(user)) this.#note(at, each, 'JOINED');
        }
        if (!id) return;
        const isMember = members.has(who);
        if (act === 'add' || act === 'join') {
          if (act === 'add') await engine.addMembers(tenant, id, [who], 'MEMBER');
          else await engine.joinConversation(tenant, id, who);
          if (!isMember) this.#note(at, who, 'JOINED');
        } else if (act === 'leave' || act === 'remove') {
          const actor = act === 'leave' ? { userId: who, least: 'MEMBER' as const } : null;
          const { outcome } = await engine.removeMember(tenant, id, who, actor);
          if (isMember) expect(outcome).toBe('changed');
          if (isMember) this.#note(at, who, act === 'leave' ? 'LEFT' : 'REMOVED');
        } else if (act === 'delete') {
          await engine.deleteConversation(tenant, id, null);
          for (const each of [...members]) this.#note(at, each, 'DELETED');
          this.ids[at] = null;
        }
      }

      #note(at: number, user: UserId, event: ListEvent): void {
        const [id, members] = [this.ids[at] as ConversationId, this.members[at] as Set<UserId>];
        this.events.get(user)?.push([id, event]);
        if (event === 'JOINED') members.add(user);
        else members.delete(user);
      }
    }

    it('give every event in order from any position, on every node', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(STEP, { minLength: 5, maxLength: 25 }),
          fc.integer({ min: 1, max: 3 }),
          async (steps, limit) => {
            const model = new Model();
            const begins = await Promise.all(model.users.map(async (user) => (await read(user, null)).head));
            for (const step of steps) await model.take(step);
            for (const [index, user] of model.users.entries()) {
              const expected = model.events.get(user) ?? [];
              const entries: UserLogEntry[] = [];
              for (let after = begins[index] as Position; ; after = entries.at(-1) as Position) {
                const page = await read(user, after, limit);
                entries.push(...page.entries);
                expect(page.head.place).toBe(expected.length);
                if (page.entries.length < limit) break;
              }
              expect(told(entries)).toEqual(expected);
              expect(entries.map(({ place }) => place)).toEqual(expected.map((_, at) => at + 1));
            }
          },
        ),
        { numRuns: 8, examples: [[EACH_EVENT, 1]] },
      );
    });

    it('have no entry for a conversation that grows past the cap of listed members', async () => {
      const dave = someone();
      const { head } = await read(dave, null);
      const many = Array.from({ length: LIMITS.listedMembers - 1 }, (_, n) => userId(`grown-${n}`));
      const id = await createGroup(world.engine, dave, ...many);
      await world.engine.addMembers(tenant, id, [someone()], 'MEMBER');
      expect(told((await read(dave, head)).entries)).toEqual([[id, 'JOINED']]);
    });

    it('G09: are separate by user and tenant, and begin empty', async () => {
      const [dave, erin] = [someone(), someone()];
      await createGroup(world.engine, dave);
      const { head, entries } = await read(erin, null);
      expect([head.place, entries]).toEqual([0, []]);
      const elsewhere = await world.engine.readUserLog('other' as TenantId, dave, null, 10);
      expect(elsewhere).toMatchObject({ outcome: 'read', head: { place: 0 } });
    });

    it('refuse a position of another epoch, or past the end', async () => {
      const dave = someone();
      await createGroup(world.engine, dave);
      const { head } = await read(dave, null);
      const at = (epoch: string, place: number) => world.other.readUserLog(tenant, dave, { epoch, place }, 10);
      expect(await at('elsewhere', 1)).toEqual({ outcome: 'expired', reason: 'EPOCH' });
      expect(await at(head.epoch, 2)).toEqual({ outcome: 'expired', reason: 'DIVERGED' });
      expect(await at(head.epoch, 1)).toEqual({ outcome: 'read', entries: [], head });
    });

    it(`keep the latest ${LIMITS.userLogEntries} entries`, async () => {
      const dave = someone();
      const { head } = await read(dave, null);
      const ids = await Promise.all(Array.from({ length: 20 }, () => createGroup(world.engine, someone())));
      const comeAndGo = async (id: ConversationId): Promise<void> => {
        await world.engine.addMembers(tenant, id, [dave], 'MEMBER');
        await world.engine.removeMember(tenant, id, dave, null);
      };
      const rounds = Math.floor(LIMITS.userLogEntries / 2 / ids.length) + 1;
      for (let round = 0; round < rounds; round += 1) await Promise.all(ids.map(comeAndGo));
      const last = await read(dave, null);
      const dropped = last.head.place - LIMITS.userLogEntries;
      const at = (place: number) => world.other.readUserLog(tenant, dave, { ...head, place }, LIMITS.userLogEntries);
      expect(await at(dropped - 1)).toEqual({ outcome: 'expired', reason: 'RETENTION' });
      const kept = await at(dropped);
      expect(kept.outcome === 'read' && kept.entries.length).toBe(LIMITS.userLogEntries);
    });
  });
}
