import type { Writing } from '../../src/engine/port.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { MessageId, MessageRecord } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { alice, bob, createGroup, type OpenWorld, record, tenant, text, userId, type World } from '../support/world.ts';
import { writingCalls } from './writing-calls.ts';

/** A part of a text ends here, and another begins. */
const EDGE = LIMITS.writtenPartCharacters;

export function describeWritings(open: OpenWorld): void {
  describe('streamed messages', () => {
    let world: World;
    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world.close());

    const { start, append, finish, stored } = writingCalls(() => world);

    it('is written only by the service that started it, while its sender is a member', async () => {
      const { engine } = world;
      const id = await createGroup(engine, bob, alice);
      const via = userId('bot');
      const started = await engine.startMessage(tenant, { ...text(id, alice, ''), isHeld: false, via });
      if (!('message' in started)) throw new Error(started.outcome);
      const { id: messageId } = started.message;
      expect(started.message).toMatchObject({ senderId: alice, via, state: 'STREAMING' });
      for (const writer of [{}, { via: userId('other') }, { senderId: bob, via }, { senderId: via }]) {
        expect(await append(messageId, 0, 'x', writer)).toEqual({ outcome: 'not-sender' });
        expect(await finish(messageId, writer)).toEqual({ outcome: 'not-sender' });
      }
      expect(await append(messageId, 0, 'for her', { via })).toMatchObject({ outcome: 'appended', length: 7 });
      const another = await engine.startMessage(tenant, { ...text(id, alice, ''), isHeld: false, via });
      expect(await finish(messageId, { via })).toMatchObject({ message: { content: 'for her', via } });
      await engine.removeMember(tenant, id, alice, null);
      if (!('message' in another)) throw new Error(another.outcome);
      expect(await append(another.message.id, 0, 'x', { via })).toEqual({ outcome: 'not-member' });
      expect(await finish(another.message.id, { via })).toEqual({ outcome: 'not-member' });
    });

    it('G20: is one message to all readers, and each append is announced', async () => {
      const { engine, other } = world;
      const id = await createGroup(engine, alice, bob);
      const { heard, listening } = await record(other, { kind: 'conversation', tenant, id });
      const started = await start(id, alice, 'So ');
      expect(started).toMatchObject({ state: 'STREAMING', content: 'So ', sequence: 1, position: { place: 1 } });
      expect(await append(started.id, 3, 'be "it"\r\n\t\\ ')).toEqual({
        outcome: 'appended',
        length: 15,
        isStopRequested: false,
      });
      expect(await append(started.id, 15, '🎉', { payload: { done: false } })).toMatchObject({ length: 16 });
      expect(await append(started.id, 16, '')).toMatchObject({ outcome: 'appended', length: 16 });
      const so = 'So be "it"\r\n\t\\ 🎉';
      expect(await stored(started.id)).toEqual({ ...started, content: so, payload: { done: false } });
      expect(await other.listWritings(tenant, id, 0)).toEqual({
        messages: [{ ...started, content: so, payload: { done: false } }],
        next: null,
      });
      const finished = await finish(started.id);
      expect(finished).toMatchObject({
        outcome: 'finished',
        message: { content: so, payload: { done: false }, editedAt: null, position: { place: 2 } },
      });
      if (!('message' in finished)) throw new Error(finished.outcome);
      expect(finished.message).not.toHaveProperty('state');
      expect(await stored(started.id)).toEqual(finished.message);
      expect(await other.listWritings(tenant, id, 0)).toEqual({ messages: [], next: null });
      await eventually(() =>
        expect(heard).toEqual([
          { type: 'message', change: 'SENT', message: started },
          {
            type: 'extension',
            extension: { messageId: started.id, offset: 3, text: 'be "it"\r\n\t\\ ', length: 15 },
          },
          {
            type: 'extension',
            extension: { messageId: started.id, offset: 15, text: '🎉', length: 16, payload: { done: false } },
          },
          { type: 'message', change: 'FINISHED', message: finished.message },
        ]),
      );
      const page = await other.readLog(tenant, id, { epoch: started.position.epoch, place: 0 }, 10);
      expect(page).toMatchObject({
        entries: [
          { change: 'SENT', message: { content: so } },
          { change: 'FINISHED', message: finished.message },
        ],
      });
      await listening.close();
    });

    it('applies an append only at the end, and a repeated one once', async () => {
      const id = await createGroup(world.engine, alice, bob);
      const { id: message } = await start(id, alice);
      expect(await append(message, 0, 'ab\n"ö🎉')).toMatchObject({ outcome: 'appended', length: 6 });
      expect(await append(message, 6, 'cd')).toMatchObject({ outcome: 'appended', length: 8 });
      for (const [offset, again] of [
        [6, 'cd'],
        [0, 'ab\n"ö🎉'],
        [3, '"ö🎉c'],
        [5, '🎉'],
        [7, 'd'],
        [4, ''],
      ] as const)
        expect(await append(message, offset, again, { payload: 1 })).toMatchObject({ outcome: 'repeated', length: 8 });
      for (const [offset, wrong] of [
        [6, 'ce'],
        [7, 'de'],
        [5, '🎊'],
        [9, 'x'],
        [9, ''],
        [0, 'b'],
      ] as const)
        expect(await append(message, offset, wrong, { payload: 1 })).toEqual({ outcome: 'misplaced', length: 8 });
      expect(await stored(message)).toMatchObject({ content: 'ab\n"ö🎉cd', payload: null });
    });

    it('stores long texts completely, across parts and multi-byte characters', async () => {
      const id = await createGroup(world.engine, alice, bob);
      const { id: message } = await start(id, alice, '\\é'.repeat(EDGE / 2 - 1));
      const bits = ['"🎉\n', 'e', '\u0301 a combining mark of its own', '漢\t\r\n'.repeat(EDGE), '\\'];
      let all = '\\é'.repeat(EDGE / 2 - 1);
      for (const bit of bits) {
        const offset = [...all].length;
        all += bit;
        expect(await append(message, offset, bit)).toMatchObject({ outcome: 'appended', length: [...all].length });
        expect(await append(message, offset, bit)).toMatchObject({ outcome: 'repeated', length: [...all].length });
        expect(await append(message, [...all].length + 1, bit)).toMatchObject({ outcome: 'misplaced' });
      }
      // In the middle of a part, across several.
      const middle = [...all].slice(EDGE - 3, 3 * EDGE + 5).join('');
      expect(await append(message, EDGE - 3, middle)).toMatchObject({ outcome: 'repeated' });
      expect((await stored(message))?.content).toBe(all);
      await finish(message);
      expect((await stored(message))?.content).toBe(all);
    });

    it('G20: of two concurrent appends at one offset, one is refused with the present length', async () => {
      const { engine, other } = world;
      const id = await createGroup(engine, alice, bob);
      const { id: message } = await start(id, alice);
      let length = 0;
      for (let round = 0; round < 10; round += 1) {
        const by = (node: typeof engine, name: string) =>
          node.appendText(tenant, message, {
            senderId: alice,
            offset: length,
            text: name,
            payload: undefined,
            paceMs: 0,
          });
        const answers = await Promise.all([by(engine, `one${round}`), by(other, `two${round}`)]);
        length += 4;
        expect(answers.map(({ outcome }) => outcome).sort()).toEqual(['appended', 'misplaced']);
        for (const answer of answers) expect(answer).toMatchObject({ length });
      }
    });

    it('only its sender writes it, while a member, and not after it is finished', async () => {
      const { engine } = world;
      const id = await createGroup(engine, bob, alice);
      const { id: message } = await start(id, alice, 'text');
      expect(await append(message, 4, 'x', { senderId: bob })).toEqual({ outcome: 'not-sender' });
      expect(await finish(message, { senderId: bob })).toEqual({ outcome: 'not-sender' });
      const another = await start(id, alice);
      await engine.removeMember(tenant, id, alice, null);
      expect(await append(message, 4, 'x')).toEqual({ outcome: 'not-member' });
      expect(await finish(message)).toEqual({ outcome: 'not-member' });
      await engine.addMembers(tenant, id, [alice], 'MEMBER');
      expect(await finish(message, { state: 'ABORTED' })).toMatchObject({ message: { state: 'ABORTED' } });
      const ended = { outcome: 'ended', message: { content: 'text', state: 'ABORTED' } };
      expect(await append(message, 4, 'x')).toMatchObject(ended);
      expect(await finish(message)).toMatchObject(ended);
      const sent = await engine.appendMessage(tenant, text(id, alice, 'sent'));
      if (!('message' in sent)) throw new Error(sent.outcome);
      expect(await append(sent.message.id, 4, 'x')).toEqual({ outcome: 'ended', message: sent.message });
      await engine.deleteMessage(tenant, another.id, alice);
      expect(await append(another.id, 0, 'x')).toMatchObject({ outcome: 'ended', message: { content: '' } });
      for (const none of ['x.1.y', `${message.slice(0, -8)}abcdefgh`] as MessageId[])
        expect(await append(none, 0, 'x')).toEqual({ outcome: 'not-found' });
    });

    it('G20: is aborted when its writer was silent for a minute, whichever node notices', async () => {
      const { engine, other, clock } = world;
      const notices: ((message: MessageRecord) => Promise<unknown>)[] = [
        ({ id }) => other.readMessages(tenant, [id]),
        ({ conversationId }) =>
          other.listMessages(tenant, conversationId, { after: 0, before: null, limit: 5, from: 'last' }),
        ({ conversationId, position }) => other.readLog(tenant, conversationId, { ...position, place: 0 }, 10),
        ({ conversationId }) => other.listWritings(tenant, conversationId, 0),
        ({ id }) => other.readWriting(tenant, id, { senderId: alice }),
        ({ id }) => append(id, 4, 'late'),
        ({ id }) => finish(id),
      ];
      for (const notice of notices) {
        const id = await createGroup(engine, alice, bob);
        const message = await start(id, alice, 'te');
        clock.advance(TIMES.writingMs - 10_000);
        expect(await append(message.id, 2, '')).toMatchObject({ outcome: 'appended' });
        clock.advance(TIMES.writingMs - 10_000);
        expect(await append(message.id, 2, 'xt')).toMatchObject({ outcome: 'appended' });
        clock.advance(TIMES.writingMs);
        const answer = await notice(message);
        if (!Array.isArray(answer) && answer) expect(answer).not.toMatchObject({ outcome: 'appended' });
        const { epoch } = message.position;
        expect(await engine.readLog(tenant, id, { epoch, place: 1 }, 10)).toMatchObject({
          entries: [{ change: 'FINISHED', place: 2, message: { id: message.id, state: 'ABORTED', content: 'text' } }],
        });
        expect(await stored(message.id)).toMatchObject({ state: 'ABORTED', content: 'text' });
        expect(await append(message.id, 4, 'x')).toMatchObject({ outcome: 'ended' });
      }
    });

    it('a held message shows no text until it is finished', async () => {
      const { engine, other, clock } = world;
      const id = await createGroup(engine, alice, bob);
      const { heard, listening } = await record(other, { kind: 'conversation', tenant, id });
      const message = await start(id, alice, 'se', { isHeld: true });
      const payload = { of: 'secret' };
      expect(await append(message.id, 2, 'cret', { payload })).toMatchObject({ outcome: 'appended', length: 6 });
      await engine.addReaction(tenant, message.id, bob, '🎉');
      await engine.requestStop(tenant, message.id);
      expect(await stored(message.id)).toMatchObject({ content: '', payload: null, state: 'STREAMING' });
      expect(await engine.listWritings(tenant, id, 0)).toMatchObject({
        messages: [{ id: message.id, content: '', payload: null }],
      });
      expect(await other.readWriting(tenant, message.id, { senderId: alice })).toMatchObject({
        message: { content: 'secret', payload },
        isHeld: true,
        isStopRequested: true,
      } satisfies { [Key in keyof Writing]: unknown });
      expect(await finish(message.id, { length: 5, content: 'public' })).toEqual({ outcome: 'misplaced', length: 6 });
      expect(await finish(message.id, { length: 6, content: 'public', payload: { by: 'rule' } })).toMatchObject({
        message: { content: 'public', payload: { by: 'rule' } },
      });
      await eventually(() => expect(heard).toHaveLength(4));
      const forgotten = await start(id, alice, 'secret', { isHeld: true });
      await append(forgotten.id, 6, '', { payload });
      clock.advance(TIMES.writingMs);
      expect(await stored(forgotten.id)).toMatchObject({ content: '', payload: null, state: 'ABORTED' });
      expect(JSON.stringify(heard)).not.toMatch(/"se"|cret/);
      await listening.close();
    });

    it('an append can hold the message from then on, and retracts the text already shown', async () => {
      const { engine, other, clock } = world;
      const id = await createGroup(engine, alice, bob);
      const { heard, listening } = await record(other, { kind: 'conversation', tenant, id });
      const message = await start(id, alice, 'shown', { clientMessageId: 'held late' });
      expect(await other.readWriting(tenant, message.id, { senderId: alice })).toMatchObject({
        isHeld: false,
        isStopRequested: false,
      });
      expect(await append(message.id, 5, ' secret', { isHeld: true })).toMatchObject({
        outcome: 'appended',
        length: 12,
      });
      // Held is held, whatever the next append says.
      expect(await append(message.id, 12, ' hidden')).toMatchObject({ outcome: 'appended', length: 19 });
      expect(await append(message.id, 5, ' secret')).toMatchObject({ outcome: 'repeated', length: 19 });
      expect(await stored(message.id)).toMatchObject({ content: '', state: 'STREAMING' });
      expect(await other.listWritings(tenant, id, 0)).toMatchObject({ messages: [{ id: message.id, content: '' }] });
      const whole = { message: { content: 'shown secret hidden' }, isHeld: true };
      expect(await other.readWriting(tenant, message.id, { senderId: alice })).toMatchObject(whole);
      expect(await other.readWriting(tenant, message.id, { senderId: bob })).toBeNull();
      await eventually(() =>
        expect(heard.at(-1)).toEqual({
          type: 'extension',
          extension: { messageId: message.id, offset: 0, text: '', length: 0 },
        }),
      );
      clock.advance(TIMES.writingMs);
      expect(await stored(message.id)).toMatchObject({ content: '', state: 'ABORTED' });
      expect(JSON.stringify(heard)).not.toMatch(/secret|hidden/);
      await listening.close();
    });

    it('its writer receives stop requests for it or the message it replies to, also earlier ones', async () => {
      const { engine, other, clock } = world;
      const id = await createGroup(engine, alice, bob);
      const { heard, listening } = await record(engine, { kind: 'conversation', tenant, id });
      const asked = await engine.appendMessage(tenant, text(id, bob, 'why?'));
      if (!('message' in asked)) throw new Error(asked.outcome);
      const question = asked.message.id;
      const answer = await start(id, alice, 'Since', { replyToId: question });
      const unconcerned = await start(id, alice, 'Else');
      expect(await other.requestStop(tenant, question)).toBe(1);
      expect(await other.requestStop(tenant, question)).toBe(1);
      expect(await append(answer.id, 5, '')).toMatchObject({ isStopRequested: true });
      expect(await append(unconcerned.id, 4, '')).toMatchObject({ isStopRequested: false });
      expect(await other.requestStop(tenant, unconcerned.id)).toBe(1);
      expect(await append(unconcerned.id, 0, 'Else')).toMatchObject({ outcome: 'repeated', isStopRequested: true });
      // What is being written is meant itself, not what will reply to it.
      const reply = await start(id, alice, '', { replyToId: unconcerned.id });
      expect(await append(reply.id, 0, 'x')).toMatchObject({ isStopRequested: false });
      clock.advance(TIMES.stopMs - 10_000);
      const late = await start(id, alice, '', { replyToId: question });
      expect(await append(late.id, 0, 'x')).toMatchObject({ isStopRequested: true });
      await eventually(() =>
        expect(heard.filter(({ type }) => type === 'stop')).toEqual([
          { type: 'stop', message: answer },
          { type: 'stop', message: unconcerned },
          { type: 'stop', message: late },
        ]),
      );
      clock.advance(10_000);
      const later = await start(id, alice, '', { replyToId: question });
      expect(await append(later.id, 0, 'x')).toMatchObject({ isStopRequested: false });
      expect(await engine.requestStop(tenant, 'x.1.y' as MessageId)).toBeNull();
      await listening.close();
    });

    it('G02: is started once under one key, and a repeated start returns its present text', async () => {
      const id = await createGroup(world.engine, alice, bob);
      const first = await start(id, alice, '', { clientMessageId: 'one' });
      await append(first.id, 0, 'text');
      expect(await start(id, alice, '', { clientMessageId: 'one' })).toEqual({ ...first, content: 'text' });
      const key = { id: 'one', digest: 'same' };
      const sent = await world.other.findSent(tenant, { conversationId: id, senderId: alice, key });
      expect(sent).toEqual({ outcome: 'duplicate', message: { ...first, content: 'text' } });
    });

    it('takes reactions and no edits while it is written', async () => {
      const { engine } = world;
      const id = await createGroup(engine, alice, bob);
      const message = await start(id, alice, 'te');
      await append(message.id, 2, 'xt');
      expect(await engine.editMessage(tenant, message.id, 'x', null)).toEqual({ outcome: 'being-written' });
      const reacted = await engine.addReaction(tenant, message.id, bob, '🎉');
      expect(reacted).toMatchObject({ outcome: 'changed', message: { content: 'text', state: 'STREAMING' } });
      expect(await engine.addReaction(tenant, message.id, bob, '🎉')).toEqual({ ...reacted, outcome: 'unchanged' });
      expect(await append(message.id, 4, '!')).toMatchObject({ length: 5 });
      const aborted = await start(id, alice, 'te');
      await finish(aborted.id, { state: 'ABORTED' });
      expect(await engine.editMessage(tenant, aborted.id, 'text', null)).toMatchObject({
        message: { state: 'ABORTED' },
      });
      expect(await engine.deleteMessage(tenant, aborted.id, alice)).toMatchObject({ message: { state: 'ABORTED' } });
      const deleted = await engine.deleteMessage(tenant, message.id, alice);
      expect(deleted).toMatchObject({ message: { content: '', state: 'ABORTED', reactions: [] } });
      expect(await engine.listWritings(tenant, id, 0)).toEqual({ messages: [], next: null });
    });
  });
}
