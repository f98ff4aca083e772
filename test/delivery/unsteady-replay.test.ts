/** A replay that the engine's absence cuts short goes on where it is: its stream does not end (G06, G14). */
import { bearerOf } from '../../src/access/bearer.ts';
import { createDelivery } from '../../src/delivery/delivery.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import { LIMITS } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { TestClock } from '../support/test-clock.ts';
import { unsteady } from '../support/unsteady-engine.ts';
import { alice, bob, createGroup, silentLog, tenant, text, viewerOf } from '../support/world.ts';

const PAGES = 3;
const MESSAGES = LIMITS.logPage * PAGES - 1;
/** A page is read, and who may see it, and the next. */
const CALLS = PAGES * 2;

describe('a replay while the engine is away', () => {
  const cases = Array.from({ length: CALLS }, (_, skipped) => [skipped]);

  it.each(cases)('G06: goes on after %i of its calls were answered', async (skipped) => {
    const clock = new TestClock();
    const steady = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock });
    const flaky = unsteady(steady);
    const delivery = createDelivery({
      engine: flaky.engine,
      clock,
      log: silentLog,
      countHole: () => undefined,
      streamMergeMs: 40,
    });
    const id = await createGroup(steady, alice, bob);
    const [conversation] = await steady.readConversations(tenant, [id]);
    for (let n = 1; n <= MESSAGES; n += 1) await steady.appendMessage(tenant, text(id, alice, `${n}`));
    const after = conversation ? new Map([[id, conversation.position]]) : new Map();
    const stream = await delivery.messageReceived(bearerOf(viewerOf(bob)), [id], after);
    const heard: number[] = [];
    let ended = false;
    flaky.fail(2, skipped);
    stream.pipe({
      push: ({ sequence }) => void heard.push(sequence),
      end: () => {
        ended = true;
      },
      withdraw: () => undefined,
      isCongested: () => false,
      onRoom: (resume) => {
        resume();
        return () => undefined;
      },
    });
    await eventually(() => {
      clock.advance(1_000);
      expect(heard).toHaveLength(MESSAGES);
    });
    await steady.appendMessage(tenant, text(id, alice, 'live'));
    await eventually(() => expect(heard).toEqual(Array.from({ length: MESSAGES + 1 }, (_, n) => n + 1)));
    expect(ended).toBe(false);
    await stream.return();
    delivery.close();
    await steady.close();
  });
});
