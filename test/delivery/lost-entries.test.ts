/** A gap in the announcements of which the log has lost entries (G05). */
import { fixedBearer } from '../../src/access/bearer.ts';
import { resumeNow } from '../../src/delivery/back-pressure.ts';
import { createDelivery } from '../../src/delivery/delivery.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine } from '../../src/engine/port.ts';
import { eventually } from '../support/eventually.ts';
import { TestClock } from '../support/test-clock.ts';
import { unsteady } from '../support/unsteady-engine.ts';
import { alice, bob, createGroup, silentLog, tenant, text, viewerOf } from '../support/world.ts';

it('G05: a gap of which several messages are no longer kept is reported and counted once', async () => {
  const clock = new TestClock();
  const stored = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock });
  /** The first two messages of a page have left storage while the channel read it. */
  const readLog: Engine['readLog'] = async (...args) => {
    const page = await stored.readLog(...args);
    if (page.outcome !== 'read') return page;
    return { ...page, entries: page.entries.map((entry, index) => (index < 2 ? { ...entry, message: null } : entry)) };
  };
  const { engine, cut, heal } = unsteady({ ...stored, readLog });
  const counted: string[] = [];
  const delivery = createDelivery({
    engine,
    clock,
    log: silentLog,
    countGap: (outcome) => counted.push(outcome),
    streamMergeMs: 0,
  });
  const conversationId = await createGroup(stored, alice, bob);
  const ends: unknown[] = [];
  const received: string[] = [];
  const stream = await delivery.messageReceived(fixedBearer(viewerOf(bob)), [conversationId], new Map());
  stream.pipe({
    push: (event) => 'content' in event && received.push(event.content),
    end: (error) => ends.push(error),
    withdraw: () => undefined,
    isCongested: () => false,
    onRoom: resumeNow,
  });
  cut();
  for (const content of ['1', '2', '3']) await stored.appendMessage(tenant, text(conversationId, alice, content));
  heal();
  await eventually(() => expect(ends).toHaveLength(1));
  expect(ends[0]).toMatchObject({ code: 'POSITION_EXPIRED', reason: 'RETENTION' });
  expect({ received, counted }).toEqual({ received: [], counted: ['lost'] });
  delivery.close();
  await stored.close();
});
