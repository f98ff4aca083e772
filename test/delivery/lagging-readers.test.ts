/**
 * Slow readers of streamed texts: a text that changed before its delivery is not delivered in its old state (G20,
 * G08).
 */
import { setImmediate as turn } from 'node:timers/promises';
import { fixedBearer } from '../../src/access/bearer.ts';
import { createDelivery, type Delivery } from '../../src/delivery/delivery.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine } from '../../src/engine/port.ts';
import type { MessageId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { StillClock } from '../support/still-clock.ts';
import { type UnsteadyEngine, unsteady } from '../support/unsteady-engine.ts';
import { alice, bob, createGroup, silentLog, tenant, text, viewerOf } from '../support/world.ts';
import { StreamedReader } from './streamed-reader.ts';

/** What becomes of a message after its end, and its text then. */
const CHANGES: Readonly<Record<string, readonly [string, (engine: Engine, id: MessageId) => Promise<unknown>]>> = {
  deleted: ['', (engine, id) => engine.deleteMessage(tenant, id, null)],
  edited: ['another text', (engine, id) => engine.editMessage(tenant, id, 'another text', null)],
};
const EACH = Object.entries(CHANGES).map(([name, [becomes, change]]) => ({ name, becomes, change }));

/** Operations that fail when the bus is back, behind so many: all, or only the reading of the log. */
const FAILURES = {
  'anything is read': { count: 100, behind: 0 },
  'the log is read': { count: 1, behind: 2 },
};

describe('a reader who lagged behind a streamed text', () => {
  const clock = new StillClock();
  let engine: Engine;
  let bus: UnsteadyEngine;
  let delivery: Delivery;
  let reader: StreamedReader;
  let told: unknown[];
  let messageId: MessageId;
  beforeEach(async () => {
    engine = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock });
    bus = unsteady(engine);
    const options = { clock, log: silentLog, countGap: () => undefined, streamMergeMs: 40 };
    delivery = createDelivery({ ...options, engine: bus.engine });
    const id = await createGroup(engine, alice, bob);
    const started = await engine.startMessage(tenant, { ...text(id, alice, 'a'), isHeld: false });
    if (!('message' in started)) throw new Error(started.outcome);
    messageId = started.message.id;
    reader = new StreamedReader(0, null, () => undefined);
    told = [];
    reader.push = (event) => void told.push(event);
    reader.begin(await delivery.messageStreamed(fixedBearer(viewerOf(bob)), null));
    reader.lag();
    const word = { senderId: alice, offset: 1, text: 'word', payload: undefined, paceMs: 0 };
    await engine.appendText(tenant, messageId, word);
    const end = { senderId: alice, length: null, content: null, payload: undefined, state: 'COMPLETE' } as const;
    await engine.finishMessage(tenant, messageId, end);
  });
  afterEach(async () => {
    reader.close();
    delivery.close();
    await engine.close();
  });
  const toldAtLast = (becomes: string): Promise<void> =>
    eventually(() => {
      expect(told.at(-1)).toMatchObject({ messageId, offset: 0, text: becomes, length: becomes.length });
      expect(JSON.stringify(told)).not.toContain('word');
    });

  it('receives all of it', async () => {
    reader.room();
    await eventually(() => expect(told.at(-1)).toMatchObject({ messageId, text: 'word', length: 5 }));
  });

  it.each(EACH)('that was $name meanwhile receives its present text', async ({ becomes, change }) => {
    await change(engine, messageId);
    reader.room();
    await toldAtLast(becomes);
  });

  describe.each(Object.entries(FAILURES))(
    'after the bus was away, while the engine fails when %s',
    (_, { count, behind }) => {
      it.each(EACH)('that was $name meanwhile receives nothing before that is known', async ({ becomes, change }) => {
        bus.cut();
        await change(engine, messageId);
        bus.fail(count, behind);
        bus.heal();
        reader.room();
        const before = told.length;
        for (let nth = 0; nth < 5; nth += 1) await turn();
        expect(told.slice(before)).toEqual([]);
        bus.fail(0);
        clock.advance(250);
        await toldAtLast(becomes);
      });
    },
  );
});
