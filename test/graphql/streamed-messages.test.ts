/** Streamed messages over the API, in each setting (G20). */
import { TIMES } from '../../src/limits.ts';
import type { TestClient, TestSubscription } from '../support/client.ts';
import { createConversation, send } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { openStream } from '../support/http-stream.ts';
import { EVERY_SETTING, type Nodes, startNodes } from '../support/nodes.ts';
import { connectRaw } from '../support/raw-client.ts';
import type { Data } from '../support/service.ts';
import { StreamedTexts, textsOf } from '../support/streamed-text.ts';

const FIELDS = 'id content payload state length sequence position';
const START = `mutation ($input: SendMessageInput!) { startMessage(input: $input) { ${FIELDS} } }`;
const APPEND = `mutation ($id: ID!, $offset: Int!, $text: String!, $payload: JSON) {
  appendToMessage(id: $id, offset: $offset, text: $text, payload: $payload) { id length stopRequested } }`;
const FINISH = `mutation ($id: ID!, $state: MessageState, $content: String, $payload: JSON) {
  finishMessage(id: $id, state: $state, content: $content, payload: $payload) { ${FIELDS} } }`;
const STOP = 'mutation ($id: ID!) { stopMessage(id: $id) }';
const STREAMED =
  'subscription ($ids: [ID!]) { messageStreamed(conversationIds: $ids) { conversationId messageId offset text length payload } }';
const MESSAGE = `query ($id: ID!) { message(id: $id) { ${FIELDS} } }`;

describe.each(EVERY_SETTING)('streamed messages, %s', (setting) => {
  let nodes: Nodes;
  let alice: TestClient;
  let bob: TestClient;
  beforeAll(async () => {
    // Longer than the silence of a writer, by the test's clock.
    nodes = await startNodes(setting, { CLIENT_TIMEOUT: '10m' });
    alice = await nodes.here.connect('alice');
    bob = await nodes.there.connect('bob');
  });
  afterAll(() => nodes.close());

  const group = async (...memberIds: string[]): Promise<string> =>
    (await createConversation(alice, { memberIds: ['bob', ...memberIds] })).id;

  const start = async (conversationId: string, more: object = {}): Promise<Data> =>
    (await alice.query(START, { input: { conversationId, ...more } })).data.startMessage;

  const append = (id: string, offset: number, text: string, more: object = {}): Promise<Data> =>
    alice.query(APPEND, { id, offset, text, ...more });

  const stored = async (id: string): Promise<Data> => (await nodes.there.query('bob', MESSAGE, { id })).data.message;

  /** Waits until a reader has the text that a query returns, and answers it. */
  const agreed = (reader: TestSubscription, id: string): Promise<string> =>
    eventually(async () => {
      const texts = textsOf(reader.events);
      expect(texts.faults).toEqual([]);
      const { content } = await stored(id);
      expect(texts.of(id)).toBe(content);
      return content as string;
    });

  it('is written in appends, and read by present and later subscribers', async () => {
    const id = await group();
    const early = await bob.subscribe(STREAMED, { ids: [id] });
    const updated = await bob.subscribe('subscription { messageUpdated { id state content } }');
    const message = await start(id, { clientMessageId: 'one' });
    expect(message).toMatchObject({ state: 'STREAMING', content: '', length: 0 });
    let offset = 0;
    for (const bit of ['So ', 'be ', 'e', '\u0301', ' 🎉\r\n\t', '']) {
      const { data } = await append(message.id, offset, bit);
      offset += [...bit].length;
      expect(data.appendToMessage).toEqual({ id: message.id, length: offset, stopRequested: false });
    }
    expect(await agreed(early, message.id)).toBe('So be e\u0301 🎉\r\n\t');
    const late = await bob.subscribe(STREAMED, { ids: [id] });
    expect((await late.next()).messageStreamed).toMatchObject({
      offset: 0,
      text: 'So be e\u0301 🎉\r\n\t',
      length: offset,
    });
    await append(message.id, offset, 'now', { payload: { tokens: 7 } });
    expect((await late.next()).messageStreamed).toEqual({
      conversationId: id,
      messageId: message.id,
      offset,
      text: 'now',
      length: offset + 3,
      payload: { tokens: 7 },
    });
    expect(await stored(message.id)).toMatchObject({ state: 'STREAMING', length: offset + 3, payload: { tokens: 7 } });
    const { data } = await alice.query(FINISH, { id: message.id });
    expect(data.finishMessage).toMatchObject({ state: 'COMPLETE', length: offset + 3, sequence: message.sequence });
    expect(data).toEqual((await alice.query(FINISH, { id: message.id })).data);
    expect((await updated.next()).messageUpdated).toMatchObject({ id: message.id, state: 'COMPLETE' });
    expect(await agreed(early, message.id)).toBe(await agreed(late, message.id));
    for (const each of [early, late, updated]) each.stop();
  });

  it('is replaced by one event when the finish has another content', async () => {
    const id = await group();
    const reader = await bob.subscribe(STREAMED, { ids: [id] });
    const message = await start(id, { content: 'A draft' });
    await eventually(() => expect(textsOf(reader.events).of(message.id)).toBe('A draft'));
    await alice.query(FINISH, { id: message.id, content: 'Final', payload: { by: 'hand' } });
    expect(await agreed(reader, message.id)).toBe('Final');
    expect(reader.events.at(-1).messageStreamed).toMatchObject({ offset: 0, text: 'Final', payload: { by: 'hand' } });
    reader.stop();
  });

  it('refuses wrong appends and finishes with their codes, and changes nothing', async () => {
    const id = await group();
    const { id: message } = await start(id, { content: '🎉a' });
    const codes: [Promise<Data>, string, number | undefined][] = [
      [append(message, 3, 'x'), 'CONFLICT', 2],
      [append(message, 1, 'x'), 'CONFLICT', 2],
      [append(message, 2, '\ud83c'), 'BAD_USER_INPUT', undefined],
      [append(message, 2, '\u0000'), 'BAD_USER_INPUT', undefined],
      [append(message, -1, 'x'), 'BAD_USER_INPUT', undefined],
      [append(message, 2, 'x'.repeat(65_537)), 'PAYLOAD_TOO_LARGE', 2],
      [alice.query(FINISH, { id: message, content: 'x'.repeat(65_537) }), 'PAYLOAD_TOO_LARGE', 2],
      [alice.query(START, { input: { conversationId: id, content: 'x'.repeat(65_537) } }), 'PAYLOAD_TOO_LARGE', 0],
      [bob.query(APPEND, { id: message, offset: 2, text: 'x'.repeat(65_537) }), 'FORBIDDEN', undefined],
      [append(message, 2, 'x'.repeat(65_535)), 'PAYLOAD_TOO_LARGE', 2],
      [bob.query(APPEND, { id: message, offset: 2, text: 'x' }), 'FORBIDDEN', undefined],
      [bob.query(FINISH, { id: message }), 'FORBIDDEN', undefined],
      [nodes.here.query('eve', APPEND, { id: message, offset: 2, text: 'x' }), 'NOT_FOUND', undefined],
      [nodes.here.query('eve', STOP, { id: message }), 'NOT_FOUND', undefined],
      [alice.query(FINISH, { id: message, state: 'STREAMING' }), 'BAD_USER_INPUT', undefined],
    ];
    for (const [answer, code, length] of codes) {
      const { extensions } = (await answer).errors[0];
      expect({ code: extensions.code, length: extensions.length }).toEqual({ code, length });
    }
    expect(await stored(message)).toMatchObject({ content: '🎉a', length: 2, state: 'STREAMING' });
    await alice.query(FINISH, { id: message, state: 'ABORTED' });
    expect(await stored(message)).toMatchObject({ content: '🎉a', state: 'ABORTED' });
    const { extensions } = (await append(message, 2, 'x')).errors[0];
    expect(extensions).toMatchObject({ code: 'CONFLICT', length: 2 });
    expect(await stored(message)).toMatchObject({ content: '🎉a', state: 'ABORTED' });
  });

  it('is neither started nor finished with an invalid text, and readers get no event', async () => {
    const id = await group();
    const reader = await bob.subscribe(STREAMED, { ids: [id] });
    const { id: message } = await start(id, { content: 'a' });
    const codes: [object, string][] = [
      [{ content: 'x'.repeat(65_537) }, 'PAYLOAD_TOO_LARGE'],
      [{ content: '\ud83c' }, 'BAD_USER_INPUT'],
      [{ content: 'a\u0007' }, 'BAD_USER_INPUT'],
    ];
    for (const [more, code] of codes) {
      const started = await alice.query(START, { input: { conversationId: id, ...more } });
      expect(started.errors[0].extensions.code).toBe(code);
      const finished = await alice.query(FINISH, { id: message, ...more });
      expect(finished.errors[0].extensions.code).toBe(code);
    }
    // In code points: twice as many units are not too many.
    // By HTTP, which takes larger bodies than a socket takes frames.
    const most = { id: message, offset: 1, text: '🎉'.repeat(65_535) };
    expect((await nodes.here.query('alice', APPEND, most)).data.appendToMessage.length).toBe(65_536);
    expect((await append(message, 65_536, 'x')).errors[0].extensions).toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      length: 65_536,
    });
    expect((await alice.query(FINISH, { id: message })).data.finishMessage).toMatchObject({ length: 65_536 });
    expect((await agreed(reader, message)).length).toBe(1 + 2 * 65_535);
    const messages = new Set(reader.events.map(({ messageStreamed }) => messageStreamed.messageId));
    expect([...messages]).toEqual([message]);
    reader.stop();
  });

  it('of two concurrent appends on two nodes, one gets CONFLICT with the present length', async () => {
    const id = await group();
    const reader = await bob.subscribe(STREAMED, { ids: [id] });
    const elsewhere = await nodes.there.connect('alice');
    const { id: message } = await start(id);
    let text = '';
    for (let round = 0; round < 5; round += 1) {
      // A combining mark at the boundary counts for itself.
      const bits = [`\u0301${round}`, `e${round}`];
      const offset = [...text].length;
      const answers = await Promise.all(
        [alice, elsewhere].map((each, nth) => each.query(APPEND, { id: message, offset, text: bits[nth] })),
      );
      const winner = answers.findIndex(({ data }) => data);
      expect(answers[winner]?.data.appendToMessage.length).toBe(offset + 2);
      expect(answers[1 - winner]?.errors[0].extensions).toMatchObject({ code: 'CONFLICT', length: offset + 2 });
      text += bits[winner];
    }
    expect(await agreed(reader, message)).toBe(text);
    reader.stop();
    await elsewhere.close();
  });

  it('its writer receives requests to stop it or the message it replies to', async () => {
    const id = await group();
    const stopped = await alice.subscribe('subscription { messageStopped { id state content } }');
    const others = await bob.subscribe('subscription { messageStopped { id } }');
    const { id: question } = await send(bob, id, 'why?');
    const { id: answer } = await start(id, { replyToId: question, content: 'Since' });
    expect((await bob.query(STOP, { id: question })).data.stopMessage).toBe(true);
    expect((await stopped.next()).messageStopped).toEqual({ id: answer, state: 'STREAMING', content: 'Since' });
    expect((await append(answer, 5, '')).data.appendToMessage.stopRequested).toBe(true);
    const { id: next } = await start(id, { replyToId: question });
    expect((await stopped.next()).messageStopped).toMatchObject({ id: next });
    expect(others.events).toEqual([]);
    for (const each of [stopped, others]) each.stop();
  });

  it('G08: removed members receive nothing more', async () => {
    const id = await group('carol');
    const carol = await nodes.there.connect('carol');
    const reader = await carol.subscribe(STREAMED);
    const { id: message } = await start(id, { content: 'for all' });
    await eventually(() => expect(textsOf(reader.events).of(message)).toBe('for all'));
    await alice.query('mutation ($id: ID!) { removeMember(id: $id, userId: "carol") { id } }', { id });
    await append(message, 7, ', not for carol');
    const other = await bob.subscribe(STREAMED, { ids: [id] });
    await eventually(() => expect(textsOf(other.events).of(message)).toBe('for all, not for carol'));
    expect(textsOf(reader.events).of(message)).toBe('for all');
    other.stop();
    await carol.close();
  });

  it('its text is held while a rule may change it, and delivered as the rule transforms it', async () => {
    const tenant = { tenant: `held-${setting.length}` };
    const admin = { ...tenant, scope: 'realtime:admin' };
    const input = {
      name: 'Clean',
      match: { on: ['GROUP'], where: "$contains(content, 'secret')" },
      action: { transform: { content: "$replace(content, 'secret', '…')" } },
    };
    const save = 'mutation ($input: RoutingRuleInput!) { saveRoutingRule(input: $input) { id } }';
    const { data } = await nodes.here.query('boss', save, { input }, admin);
    const [writer, watcher] = [await nodes.here.connect('alice', tenant), await nodes.there.connect('bob', tenant)];
    const { id } = await createConversation(writer, { memberIds: ['bob'] });
    const reader = await watcher.subscribe(STREAMED, { ids: [id] });
    const started = await writer.query(START, { input: { conversationId: id, content: 'A ' } });
    const { id: message } = started.data.startMessage;
    await writer.query(APPEND, { id: message, offset: 2, text: 'secret' });
    expect((await watcher.query(MESSAGE, { id: message })).data.message).toMatchObject({ content: '', length: 0 });
    const finished = await writer.query(FINISH, { id: message });
    expect(finished.data.finishMessage).toMatchObject({ content: 'A …', state: 'COMPLETE' });
    expect((await watcher.query(MESSAGE, { id: message })).data.message).toMatchObject({ content: 'A …' });
    await eventually(() => expect(textsOf(reader.events).of(message)).toBe('A …'));
    expect(JSON.stringify(reader.events)).not.toContain('secret');
    const drop = { ...input, id: data.saveRoutingRule.id, action: { drop: true } };
    await nodes.here.query('boss', save, { input: drop }, admin);
    const dropped = (await writer.query(START, { input: { conversationId: id, content: 'secret' } })).data.startMessage;
    const refused = await writer.query(FINISH, { id: dropped.id });
    expect(refused.errors[0].extensions).toMatchObject({ code: 'FORBIDDEN', reason: 'DROPPED' });
    expect((await watcher.query(MESSAGE, { id: dropped.id })).data.message).toMatchObject({
      content: '',
      state: 'ABORTED',
    });
    await writer.close();
    await watcher.close();
  });

  it('a rule saved meanwhile that may change it holds its text and retracts what was shown', async () => {
    const tenant = { tenant: `held-late-${setting.length}` };
    const admin = { ...tenant, scope: 'realtime:admin' };
    const [writer, watcher] = [await nodes.there.connect('alice', tenant), await nodes.here.connect('bob', tenant)];
    const { id } = await createConversation(writer, { memberIds: ['bob'] });
    const reader = await watcher.subscribe(STREAMED, { ids: [id] });
    const start = async (): Promise<string> =>
      (await writer.query(START, { input: { conversationId: id, content: 'A ' } })).data.startMessage.id;
    const [message, left] = [await start(), await start()];
    for (const each of [message, left]) {
      await writer.query(APPEND, { id: each, offset: 2, text: 'long ' });
      await eventually(() => expect(textsOf(reader.events).of(each)).toBe('A long '));
    }
    const input = {
      name: 'Clean',
      match: { on: ['GROUP'], where: "$contains(content, 'secret')" },
      action: { transform: { content: "$replace(content, 'secret', '…')" } },
    };
    // On the node of the writer, which need not hear of it first.
    const save = 'mutation ($input: RoutingRuleInput!) { saveRoutingRule(input: $input) { id } }';
    expect((await nodes.there.query('boss', save, { input }, admin)).errors).toBeUndefined();
    for (const each of [message, left]) await writer.query(APPEND, { id: each, offset: 7, text: 'secret' });
    await eventually(() => {
      const texts = textsOf(reader.events);
      expect(texts.faults).toEqual([]);
      expect([texts.of(message), texts.of(left)]).toEqual(['', '']);
    });
    expect((await watcher.query(MESSAGE, { id: message })).data.message).toMatchObject({ content: '', length: 0 });
    expect((await writer.query(FINISH, { id: message })).data.finishMessage).toMatchObject({ content: 'A long …' });
    await eventually(() => expect(textsOf(reader.events).of(message)).toBe('A long …'));
    expect(JSON.stringify(reader.events)).not.toContain('secret');
    await writer.close();
    await watcher.close();
  });

  it('has the same events on `/ws` and over SSE as over graphql-ws', async () => {
    const id = await group();
    const raw = await connectRaw(nodes.there, 'bob');
    const body = { query: STREAMED, variables: { ids: [id] } };
    const sse = await openStream(nodes.there, await nodes.there.token('bob'), body, { accept: 'text/event-stream' });
    const { id: message } = await start(id, { content: 'a' });
    for (let length = 1; length < 20; length += 1) await append(message, length, '🎉');
    await alice.query(FINISH, { id: message });
    const { content } = await stored(message);
    await raw.received('FinishMessage', 1);
    const texts = new StreamedTexts();
    for (const { message_id, ...event } of raw.of('MessageExtended')) texts.take({ ...event, messageId: message_id });
    expect([texts.of(message), texts.faults]).toEqual([content, []]);
    expect(raw.of('RoomMessage').at(-1)).toMatchObject({ message_id: message, state: 'STREAMING' });
    await eventually(() => {
      const data = [...sse.text.matchAll(/^data: (.+)$/gm)].map(([, json]) => JSON.parse(json ?? '').data);
      expect(textsOf(data).of(message)).toBe(content);
    });
    sse.stop();
    await raw.close();
  });

  it('is aborted when its writer falls silent', async () => {
    const id = await group();
    const { id: message } = await start(id, { content: 'text' });
    nodes.clock.advance(TIMES.writingMs);
    expect(await stored(message)).toMatchObject({ state: 'ABORTED', content: 'text' });
  });
});
