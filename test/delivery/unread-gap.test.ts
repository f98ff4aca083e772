/** A gap of announcements that could not be read yet: no checkpoint of an inbox passes it (G19). */
import { setImmediate as turn } from 'node:timers/promises';
import { fixedBearer } from '../../src/access/bearer.ts';
import { resumeNow } from '../../src/delivery/back-pressure.ts';
import { createDelivery, type Delivery } from '../../src/delivery/delivery.ts';
import type { InboxStreamEvent } from '../../src/delivery/inbox/inbox-events.ts';
import type { InboxResume } from '../../src/delivery/inbox/inbox-reporter.ts';
import type { LiveStream } from '../../src/delivery/stream.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import { unavailable } from '../../src/errors.ts';
import { TIMES } from '../../src/limits.ts';
import type { ConversationId, InboxReturn, Position } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { StillClock } from '../support/still-clock.ts';
import { unsteady } from '../support/unsteady-engine.ts';
import { alice, bob, createGroup, silentLog, tenant, text, viewerOf } from '../support/world.ts';

/** A client: what it received, and where it comes back to. */
class Client {
  readonly received: string[] = [];
  #checkpoint: InboxReturn | null = null;
  readonly #since = new Map<ConversationId, Position>();
  #stream: LiveStream<InboxStreamEvent> | null = null;

  async connect(delivery: Delivery): Promise<void> {
    const resume: InboxResume = { checkpoint: this.#checkpoint, positions: new Map(this.#since) };
    this.#stream = await delivery.inboxStream(fixedBearer(viewerOf(bob)), resume);
    this.#stream.pipe({
      push: (event) => this.#take(event),
      end: () => undefined,
      withdraw: () => undefined,
      isCongested: () => false,
      onRoom: resumeNow,
    });
  }

  async leave(): Promise<void> {
    await this.#stream?.return();
  }

  #take(event: InboxStreamEvent): void {
    if (!('kind' in event)) return;
    if (event.kind === 'MessageSent') {
      this.received.push(event.message.content);
      this.#since.set(event.conversationId, event.message.position);
    }
    if (event.kind !== 'Checkpoint') return;
    const { points, ...position } = event.position;
    this.#checkpoint = { ...position, pointOf: (id) => points.get(id) };
    this.#since.clear();
  }
}

it('G19: no checkpoint passes messages that an interruption hid and that are not read yet', async () => {
  const clock = new StillClock();
  const engine = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock });
  let isAway = false;
  const readLog: typeof engine.readLog = async (...args) => {
    if (isAway) throw unavailable(new Error('told to fail'));
    return engine.readLog(...args);
  };
  const bus = unsteady({ ...engine, readLog });
  const options = { clock, log: silentLog, countGap: () => undefined, streamMergeMs: 40, checkpointConversations: 1 };
  const delivery = createDelivery({ ...options, engine: bus.engine });
  const pass = async (ms: number): Promise<void> => {
    for (let nth = 0; nth < 5; nth += 1) await turn();
    clock.advance(ms);
    for (let nth = 0; nth < 5; nth += 1) await turn();
  };
  const [quiet, busy] = [await createGroup(engine, alice, bob), await createGroup(engine, alice, bob)];
  const client = new Client();
  await client.connect(delivery);
  // What is older than this is taken to have been told, wherever it was.
  await pass(3 * TIMES.clocksApartMs);
  bus.cut();
  await engine.appendMessage(tenant, text(quiet, alice, 'unheard'));
  isAway = true;
  bus.heal();
  await pass(3 * TIMES.clocksApartMs);
  await engine.appendMessage(tenant, text(busy, alice, 'heard'));
  // Its checkpoint is due at once, and the next reading is not.
  await pass(1);
  expect(client.received).toEqual(['heard']);
  await client.leave();
  isAway = false;
  await client.connect(delivery);
  await eventually(() => expect(client.received).toContain('unheard'));
  await client.leave();
  delivery.close();
  await engine.close();
});
