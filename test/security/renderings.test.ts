/** Streams whose events read from the engine delay only streams of the same user, and nothing once they are closed. */
import { eventually } from '../support/eventually.ts';
import { metric } from '../support/metrics.ts';
import { startTestService, type TestService } from '../support/service.ts';

const STREAMS = 100;
const EVENTS = 100;
const CREATE = 'mutation ($id: ID!) { createConversation(input: { id: $id }) { id } }';
/** Each is a document of its own: nothing of it is shared. */
const reading = (n: number): string =>
  `subscription { messageReceived { a${n}: id sequence conversation { messages(last: 5) { nodes { id } } } } }`;

describe('renderings that read from the engine', () => {
  let service: TestService;
  beforeEach(async () => {
    service = await startTestService();
  });
  afterEach(() => service.close());

  async function send(conversationId: string, senderId: string, count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) {
      await service.service.engine.appendMessage('default' as never, {
        conversationId: conversationId as never,
        senderId: senderId as never,
        content: 'x',
        payload: null,
        replyToId: null,
        clientMessageId: null,
        key: null,
      });
    }
  }
  const renders = (): Promise<number> => metric(service.url, 'realtime_renders_total');

  it('let those of other users run meanwhile, and stop when their sockets are closed', async () => {
    await service.query('mallory', CREATE, { id: 'many' });
    await service.query('honest', CREATE, { id: 'one' });
    const [mallory, honest] = [await service.connect('mallory'), await service.connect('honest')];
    await Promise.all(Array.from({ length: STREAMS }, (_, n) => mallory.subscribe(reading(n))));
    const heard = await honest.subscribe(reading(STREAMS));
    await send('many', 'mallory', EVENTS);
    await send('one', 'honest', 1);
    await heard.count(1);
    expect(await renders()).toBeLessThan((STREAMS * EVENTS) / 2);
    await mallory.close();
    await eventually(async () => expect(await metric(service.url, 'realtime_subscriptions')).toBe(1));
    const atClose = await renders();
    await send('one', 'honest', 20);
    const events = await heard.count(21);
    expect(events.map(({ messageReceived }) => messageReceived.sequence)).toEqual(events.map((_, n) => n + 1));
    expect(await renders()).toBe(atClose + 20);
    await honest.close();
  });
});
