/** However long texts are, and however many are being written, a stream reads and holds little of them at a time. */
import { setImmediate as turn } from 'node:timers/promises';
import { fixedBearer } from '../../src/access/bearer.ts';
import { createDelivery } from '../../src/delivery/delivery.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine, WritingPage } from '../../src/engine/port.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConversationId, MessageId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { StreamedTexts } from '../support/streamed-text.ts';
import { TestClock } from '../support/test-clock.ts';
import { alice, bob, createGroup, silentLog, tenant, text, viewerOf } from '../support/world.ts';

describe('the work for streamed texts has bounds', () => {
  const clock = new TestClock();
  const stored = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock });
  /** Called within each call of `listWritings`. */
  let listed = async (): Promise<void> => undefined;
  let readings = 0;
  const engine: Engine = {
    ...stored,
    async listWritings(...args): Promise<WritingPage> {
      // As the embedded engine reads: within the call.
      const page = stored.listWritings(...args);
      readings += 1;
      await listed();
      return page;
    },
  };
  const delivery = createDelivery({ engine, clock, log: silentLog, countGap: () => undefined, streamMergeMs: 0 });
  const reader = fixedBearer(viewerOf(bob));
  afterAll(() => {
    delivery.close();
    return stored.close();
  });

  async function start(id: ConversationId, content: string): Promise<MessageId> {
    const started = await stored.startMessage(tenant, { ...text(id, alice, content), isHeld: false });
    if (started.outcome !== 'appended') throw new Error(started.outcome);
    return started.message.id;
  }
  const append = (id: MessageId, offset: number, added: string, payload: unknown) =>
    stored.appendText(tenant, id, { senderId: alice, offset, text: added, payload, paceMs: 0 });

  it('reads the streamed texts of many conversations in parts', async () => {
    const READING_MS = 4;
    const ids = await Promise.all(Array.from({ length: 20 }, () => createGroup(stored, alice, bob)));
    for (const id of ids) await start(id, 'so far');
    let inTurn = 0;
    let most = 0;
    listed = async () => {
      if (inTurn === 0)
        setImmediate(() => {
          inTurn = 0;
        });
      inTurn += 1;
      most = Math.max(most, inTurn);
      // As a long text keeps the processor.
      for (const end = performance.now() + READING_MS; performance.now() < end; );
    };
    const stream = await delivery.messageStreamed(reader, ids);
    listed = async () => undefined;
    expect(readings).toBeGreaterThanOrEqual(ids.length);
    // Those that begin within the ten milliseconds which replays have of a turn.
    expect(most).toBeLessThanOrEqual(4);
    await stream.return();
  });

  it('keeps little of what is announced during a read, and still delivers the whole text', async () => {
    const id = await createGroup(stored, alice, bob);
    const stream = await delivery.messageStreamed(reader, [id]);
    const texts = new StreamedTexts();
    stream.pipe({
      push: (event) => void ('messageId' in event && texts.take(event)),
      end: () => undefined,
      withdraw: () => undefined,
      isCongested: () => false,
      onRoom: () => () => undefined,
    });
    const written = await start(id, 'a');
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    listed = () => answered;
    clock.advance(TIMES.writingMs / 2);
    const payload = { filling: 'x'.repeat(LIMITS.payloadBytes / 2) };
    const most = (LIMITS.queuedEventBytes / LIMITS.payloadBytes) * 2;
    for (let length = 1; length <= most; length += 1) await append(written, length, 'a', { ...payload, length });
    const late = await start(id, 'late');
    listed = async () => undefined;
    readings = 0;
    answer();
    await eventually(async () => {
      clock.advance(1_000);
      await turn();
      expect([texts.of(written), texts.of(late), texts.faults]).toEqual(['a'.repeat(most + 1), 'late', []]);
    });
    // What was too much to be kept was read.
    expect(readings).toBeGreaterThan(0);
    await stream.return();
  });

  it('reads a log and a list of long messages in parts', async () => {
    const id = await createGroup(stored, alice, bob);
    const [conversation] = await stored.readConversations(tenant, [id]);
    if (!conversation) throw new Error('no conversation');
    const long = 'x'.repeat(LIMITS.contentCharacters);
    const count = Math.ceil((3 * LIMITS.readingBytes) / LIMITS.contentCharacters);
    for (let nth = 0; nth < count; nth += 1) await stored.appendMessage(tenant, text(id, alice, long));
    const page = await stored.readLog(tenant, id, conversation.position, LIMITS.logPage);
    if (page.outcome !== 'read') throw new Error(page.outcome);
    expect([page.isWhole, page.entries.length < count / 2]).toEqual([false, true]);
    const stream = await delivery.messageReceived(reader, [id], new Map([[id, conversation.position]]));
    const heard: number[] = [];
    for (let nth = 0; nth < count; nth += 1) {
      const { value } = await stream.next();
      if (value && 'sequence' in value) heard.push(value.sequence);
    }
    expect(heard).toEqual(Array.from({ length: count }, (_, nth) => nth + 1));
    await stream.return();
  });
});
