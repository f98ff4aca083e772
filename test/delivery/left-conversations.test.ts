/** What a stream of an inbox remembers of conversations that its user left. */
import { fixedBearer } from '../../src/access/bearer.ts';
import { resumeNow } from '../../src/delivery/back-pressure.ts';
import type { InboxStreamEvent } from '../../src/delivery/inbox/inbox-events.ts';
import { InboxReporter } from '../../src/delivery/inbox/inbox-reporter.ts';
import type { ListChanges } from '../../src/delivery/inbox/list-changes.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import { positionExpired } from '../../src/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import type { ConversationId, Position } from '../../src/model.ts';
import { TestClock } from '../support/test-clock.ts';
import { bob, silentLog, viewerOf } from '../support/world.ts';

describe('the conversations a stream remembers its user left', () => {
  const engine = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock: new TestClock() });
  afterAll(() => engine.close());
  const head: Position = { epoch: 'epoch', place: 1 };
  const conversation = (nth: number): ConversationId => `left-${nth}` as ConversationId;
  const left = { left: 'REMOVED', isListed: false } as const;

  /** Of a user who is in nothing and left these, and what it tells. */
  async function listed(of: ListChanges['of'] = new Map()) {
    const context = { engine, clock: new TestClock(), log: silentLog };
    const reporter = new InboxReporter(context, fixedBearer(viewerOf(bob)), { checkpoint: null, positions: new Map() });
    const told: InboxStreamEvent[] = [];
    reporter.attach({
      isOpen: true,
      isReplaying: false,
      room: { isCongested: () => false, onRoom: resumeNow },
      deliver: (event) => void told.push(event as InboxStreamEvent),
      followed: () => [],
      find: () => undefined,
      confirm: async () => undefined,
    });
    await reporter.take({ ids: [], asked: null, changes: { of, head, expiry: null } });
    reporter.onListed();
    return { reporter, told };
  }

  it.each([
    [
      'the last of them, as many as the log of its list holds: they are told no second time',
      1,
      LIMITS.userLogEntries,
      0,
    ],
    ['not the oldest of more than that', 0, 0, 1],
  ])('are %s', async (_, from, to, again) => {
    const { reporter, told } = await listed();
    for (let nth = 0; nth <= LIMITS.userLogEntries; nth += 1) reporter.onLeft(conversation(nth), 'REMOVED');
    expect(told).toHaveLength(LIMITS.userLogEntries + 1);
    const of = new Map<ConversationId, typeof left>();
    for (let nth = from; nth <= to; nth += 1) of.set(conversation(nth), left);
    told.length = 0;
    await reporter.take({ ids: [], asked: new Set(of.keys()), changes: { of, head, expiry: null } });
    reporter.onListed();
    expect(told).toHaveLength(again);
  });

  it('are told once when the stream begins, however many they are', async () => {
    const ids = Array.from({ length: LIMITS.userLogEntries + 1 }, (_, nth) => conversation(nth));
    const { told } = await listed(new Map(ids.map((id) => [id, left])));
    expect(told).toEqual(
      ids.map((conversationId) => ({ kind: 'ConversationLeft', conversationId, reason: 'REMOVED' })),
    );
  });

  it('include none that expired and is no longer listed', async () => {
    const { reporter } = await listed();
    const expired = [conversation(0), conversation(1)] as const;
    for (const id of expired) reporter.onExpired(id, positionExpired('RETENTION'));
    const asked = new Set(expired);
    await reporter.take({ ids: [expired[1]], asked, changes: { of: new Map(), head, expiry: null } });
    reporter.onListed();
    expect(expired.map((id) => reporter.expiryOf(id)?.reason)).toEqual([undefined, 'RETENTION']);
  });
});
