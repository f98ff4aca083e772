/** G16: reads are metered by cost and user, over HTTP and sockets; events by their cost above 20 units. */
import { eventually } from '../support/eventually.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { StillClock } from '../support/still-clock.ts';

/** A user may read 2,000 units a second. */
const ENV = {
  MAX_QUERY_COST: '100',
  RATE_LIMIT_ENABLED: 'true',
  RATE_LIMIT_MESSAGES: '10000',
  RATE_LIMIT_USER_MESSAGES: '10000',
};
const PAGE = '{ conversation(id: "c") { messages(last: 200) { nodes { id } } } }';
const DEAR = 'subscription { messageReceived { id conversation { messages(last: 200) { nodes { id } } } } }';
const CHEAP = 'subscription { messageReceived { id content conversation { id name } } }';

describe('reading', () => {
  let service: TestService;
  beforeEach(async () => {
    service = await startTestService({ env: ENV, clock: new StillClock() });
    await service.query(
      'bob',
      'mutation { createConversation(input: {id: "c", memberIds: ["alice", "carol"]}) { id } }',
    );
    await send(200);
  });
  afterEach(() => service.close());

  async function send(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      await service.service.engine.appendMessage('default' as never, {
        conversationId: 'c' as never,
        senderId: 'bob' as never,
        content: 'x',
        payload: null,
        replyToId: null,
        clientMessageId: null,
        key: null,
      });
    }
  }

  it('is refused over the rate, over HTTP and sockets, until the rate allows it', async () => {
    const alice = await service.connect('alice');
    const codes = new Set<string>();
    let answered = 0;
    for (let index = 0; index < 100 && codes.size === 0; index += 1) {
      const { errors } =
        index % 2 ? await service.query('alice', PAGE) : await alice.query(PAGE).catch((e: unknown) => ({ errors: e }));
      if (errors) codes.add(errors[0].extensions.code);
      else answered += 1;
    }
    expect([...codes]).toEqual(['RATE_LIMITED']);
    expect(answered).toBeGreaterThan(20);
    const refused = await service.query('alice', PAGE);
    expect(refused).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
    expect(refused.errors?.[0]?.extensions.retryAfterMs).toBeGreaterThan(0);
    expect((await service.query('carol', PAGE)).errors).toBeUndefined();
    service.clock.advance(1_000);
    expect((await service.query('alice', PAGE)).errors).toBeUndefined();
    await alice.close();
  });

  it('a refused document is charged to its sender, over HTTP and sockets', async () => {
    const refused = ['{ viewer { nothing } }', '{ viewer { id }', `{ ${'a: viewer { id } '.repeat(99)} }`];
    let count = 0;
    const distinct = (): string => {
      count += 1;
      return `${refused[count % refused.length]} #${'x'.repeat(5_000)}${count}`;
    };
    const codes = new Set<string | undefined>();
    for (let index = 0; index < 30; index += 1) codes.add((await service.query('alice', distinct())).code);
    expect(codes).toContain('RATE_LIMITED');
    const carol = await service.connect('carol');
    const told = new Set<string>();
    for (let index = 0; index < 30; index += 1) {
      await carol.query(distinct()).catch((errors: readonly { extensions: { code: string } }[]) => {
        for (const { extensions } of errors) told.add(extensions.code);
      });
    }
    expect(told).toContain('RATE_LIMITED');
    await carol.close();
    // What is remembered costs nothing again.
    for (let index = 0; index < 100; index += 1)
      expect((await service.query('bob', '{ viewer { id } }')).errors).toBeUndefined();
    service.clock.advance(1_000);
    expect((await service.query('alice', '{ viewer { id } }')).errors).toBeUndefined();
  });

  it('a document is parsed once: after HTTP it costs nothing over a socket', async () => {
    const documents = Array.from({ length: 6 }, (_, index) => `{ viewer { id } } #${'y'.repeat(20_000)}${index}`);
    for (const [index, document] of documents.entries())
      expect((await service.query(`reader-${index}`, document)).errors).toBeUndefined();
    const erin = await service.connect('erin');
    for (const document of documents) await erin.query(document);
    await erin.close();
  });

  it('declared but unused cost of an operation is refunded', async () => {
    const query = '{ conversation(id: "c") { members(first: 900) { totalCount } } }';
    for (let index = 0; index < 100; index += 1) expect((await service.query('alice', query)).errors).toBeUndefined();
  });

  it('events above the free cost are charged to their reader: a costly stream ends, a cheap one stays', async () => {
    const alice = await service.connect('alice');
    const dear = await alice.subscribe(DEAR);
    const cheap = await alice.subscribe(CHEAP);
    await send(120);
    await eventually(() => expect(dear.isOver).toBe(true));
    expect(dear.errors[0]?.extensions.code).toBe('QUERY_TOO_COSTLY');
    expect(dear.events.length).toBeGreaterThan(20);
    expect(await cheap.count(120)).toHaveLength(120);
    await alice.close();
  });

  it('an event shared by many readers is charged once, to all of them', async () => {
    const listeners = await Promise.all(['alice', 'bob', 'carol'].map((userId) => service.connect(userId)));
    const streams = await Promise.all(listeners.map((each) => each.subscribe(DEAR)));
    await send(90);
    for (const stream of streams) expect(await stream.count(90)).toHaveLength(90);
    for (const each of listeners) await each.close();
  });

  it('an event over the budget of an operation ends its stream, and no other', async () => {
    const alice = await service.connect('alice');
    const huge = await alice.subscribe(
      `subscription { messageReceived { conversation { ${Array.from({ length: 4 }, (_, n) => `a${n}: messages(last: 200) { nodes { id } }`).join(' ')} } } }`,
    );
    const cheap = await alice.subscribe(CHEAP);
    await send(1);
    await eventually(() => expect(huge.errors[0]?.extensions.code).toBe('QUERY_TOO_COSTLY'));
    expect(await cheap.count(1)).toHaveLength(1);
    await alice.close();
  });
});
