import { LIMITS } from '../../src/limits.ts';
import type { ConversationId, Position, TenantId } from '../../src/model.ts';
import { alice, bob, type OpenWorld, tenant, type World } from '../support/world.ts';

const at = (...positions: [id: string, epoch: string, place: number][]): Map<ConversationId, Position> =>
  new Map(positions.map(([id, epoch, place]) => [id as ConversationId, { epoch, place }]));

export function describeBookmarks(open: OpenWorld): void {
  describe('bookmarks', () => {
    let world: World;
    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world.close());

    it('move forward, never back, on every node', async () => {
      const { engine, other } = world;
      expect(await engine.readBookmark(tenant, alice, 'phone')).toBeNull();
      await engine.writeBookmark(tenant, alice, 'phone', at());
      expect((await other.readBookmark(tenant, alice, 'phone'))?.positions).toEqual(at());
      await engine.writeBookmark(tenant, alice, 'phone', at(['a', 'e', 5], ['b', 'e', 1]));
      await other.writeBookmark(tenant, alice, 'phone', at(['a', 'e', 4], ['b', 'f', 0], ['c', 'e', 7]));
      const bookmark = await engine.readBookmark(tenant, alice, 'phone');
      expect(bookmark?.positions).toEqual(at(['a', 'e', 5], ['b', 'f', 0], ['c', 'e', 7]));
    });

    it('G09: are separate by session, user and tenant', async () => {
      const { engine } = world;
      await engine.writeBookmark(tenant, alice, 'own', at(['a', 'e', 1]));
      expect(await engine.readBookmark(tenant, alice, 'another')).toBeNull();
      expect(await engine.readBookmark(tenant, bob, 'own')).toBeNull();
      expect(await engine.readBookmark('other' as TenantId, alice, 'own')).toBeNull();
    });

    it(`are kept for the ${LIMITS.bookmarksPerUser} sessions written last`, async () => {
      const { engine, clock } = world;
      for (let n = 0; n <= LIMITS.bookmarksPerUser; n += 1) {
        await engine.writeBookmark(tenant, bob, `session-${n}`, at(['a', 'e', n]));
        clock.advance(1);
      }
      expect(await engine.readBookmark(tenant, bob, 'session-0')).toBeNull();
      expect(await engine.readBookmark(tenant, bob, 'session-1')).not.toBeNull();
    });
  });
}
