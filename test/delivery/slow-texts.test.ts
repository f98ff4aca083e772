/** Streamed texts for readers who lag (G20). */
import { setImmediate as turn } from 'node:timers/promises';
import { Gate } from '../../src/delivery/back-pressure.ts';
import type { ConversationChannel } from '../../src/delivery/conversations/channel.ts';
import { FollowedConversation } from '../../src/delivery/conversations/followed-conversation.ts';
import { type ExtendedText, WrittenMessage } from '../../src/delivery/conversations/written-message.ts';
import type { MessageRecord } from '../../src/model.ts';
import { bob, viewerOf } from '../support/world.ts';

/** What a reader has who was told these. */
const textOf = (events: readonly Pick<ExtendedText, 'offset' | 'text'>[]): string =>
  events.reduce((before, { offset, text: added }) => before.slice(0, offset) + added, '');

describe('a lagging reader of a streamed text', () => {
  const message = { id: 'm', conversationId: 'c', content: '', payload: null } as unknown as MessageRecord;

  /** One who is told of one message, whose socket is full while a test says so. */
  function open(isLive = true) {
    const written = new WrittenMessage(message, 0);
    const told: ExtendedText[] = [];
    const room = { isFull: false, gate: new Gate() };
    const position = { epoch: 'e', place: 0 };
    const channel = { id: 'c', position, isSettled: true, writings: { current: () => [written] } };
    const follower = {
      viewer: viewerOf(bob),
      onLeft: () => undefined,
      onAhead: () => undefined,
      onShown: () => undefined,
      onChannelEnd: () => undefined,
    };
    const queue = {
      push: (event: ExtendedText) => void told.push(event),
      isCongested: () => room.isFull,
      onRoom: (resume: () => void) => room.gate.add(resume),
    };
    const following = new FollowedConversation<ExtendedText>(
      channel as unknown as ConversationChannel,
      follower,
      { extension: (_access, event) => event },
      queue,
      false,
    );
    following.admit({} as never, null);
    following.begin({ epoch: '', place: 0 });
    if (isLive) following.goLive({ epoch: 'e', place: 0 });
    // That there is a text.
    told.length = 0;
    let length = 0;
    return {
      following,
      written,
      told,
      room,
      channel,
      append(added: string, payload?: unknown) {
        const offset = length;
        length += added.length;
        const more = payload === undefined ? {} : { payload };
        written.extend({ messageId: written.id, offset, text: added, length, ...more });
        const event = written.nextEvent();
        if (event) following.onExtended(event, written);
      },
      replace(content: string, payload: unknown = null) {
        length = content.length;
        written.become({ content, payload: payload as never });
        const event = written.nextEvent();
        if (event) following.onExtended(event, written);
      },
      /** There is room, and what waits for it is told behind the write that made it. */
      async makeRoom() {
        const before = told.length;
        room.isFull = false;
        room.gate.open();
        expect(told).toHaveLength(before);
        await turn();
      },
    };
  }

  it('receives nothing before going live, and then the whole text at once', () => {
    const { following, told, append } = open(false);
    append('one ');
    append('two ');
    expect(told).toEqual([]);
    following.goLive({ epoch: 'e', place: 0 });
    expect(told.map(({ offset, text: added }) => [offset, added])).toEqual([[0, 'one two ']]);
    append('three');
    expect(told).toHaveLength(2);
    expect(textOf(told)).toBe('one two three');
  });

  it('receives the rest from their offset in one event once there is room', async () => {
    const { told, room, append, makeRoom } = open();
    append('one ');
    room.isFull = true;
    append('two ');
    append('three ');
    expect(told).toHaveLength(1);
    await makeRoom();
    expect(told.slice(1)).toMatchObject([{ offset: 4, text: 'two three ', length: 14 }]);
    append('four');
    expect(told.slice(2)).toMatchObject([{ offset: 14, text: 'four' }]);
  });

  it('receives no more text than the other readers', async () => {
    const { following, written, told, room, append, makeRoom } = open();
    append('one ');
    room.isFull = true;
    append('two ');
    written.extend({ messageId: written.id, offset: 8, text: 'three', length: 13 });
    await makeRoom();
    expect(told.at(-1)).toMatchObject({ offset: 4, text: 'two ', length: 8 });
    following.goLive({ epoch: 'e', place: 0 });
    expect(told.at(-1)).toMatchObject({ offset: 0, text: 'one two ', length: 8 });
  });

  it('receives nothing out of order between the write that makes room and the next turn', async () => {
    const { told, room, append, makeRoom } = open();
    append('one ');
    room.isFull = true;
    append('two ');
    const isMade = makeRoom();
    append('three ');
    await isMade;
    append('four');
    expect(textOf(told)).toBe('one two three four');
    for (const [nth, { offset }] of told.entries()) expect(offset).toBe(textOf(told.slice(0, nth)).length);
  });

  it('receives a replaced text from the offset of the replacement', async () => {
    const { told, room, append, replace, makeRoom } = open();
    append('one ');
    room.isFull = true;
    append('two ');
    replace('other ');
    append('words');
    await makeRoom();
    expect(textOf(told)).toBe('other words');
    expect(told.slice(1)).toMatchObject([{ offset: 0, text: 'other words' }]);
  });

  it('receives nothing while its channel has unread events, and the text once it has none', () => {
    const { following, channel, told, room, append } = open();
    room.isFull = true;
    channel.isSettled = false;
    append('one ');
    room.isFull = false;
    following.onSettled();
    append('two ');
    expect(told).toEqual([]);
    channel.isSettled = true;
    following.onSettled();
    expect(textOf(told)).toBe('one two ');
  });

  it('receives a payload that changed meanwhile; a new reader receives the latest one', async () => {
    const { following, told, room, append, replace, makeRoom } = open();
    append('one ', { step: 1 });
    expect(told).toMatchObject([{ offset: 0, payload: { step: 1 } }]);
    room.isFull = true;
    append('two ', { step: 2 });
    await makeRoom();
    expect(told.at(-1)).toMatchObject({ offset: 4, payload: { step: 2 } });
    append('three');
    // It is no news any more.
    expect(told.at(-1)).toMatchObject({ text: 'three', payload: null });
    following.goLive({ epoch: 'e', place: 0 });
    expect(told.at(-1)).toMatchObject({ offset: 0, text: 'one two three', payload: { step: 2 } });
    // All of it is told anew.
    replace('other', { step: 2 });
    expect(told.at(-1)).toMatchObject({ offset: 0, text: 'other', payload: { step: 2 } });
    replace('other', null);
    following.goLive({ epoch: 'e', place: 0 });
    expect(told.at(-1)).toMatchObject({ offset: 0, payload: null });
  });

  it('receives the text of an edit or a deletion, and none of what it replaced', async () => {
    for (const [change, content] of [
      ['EDITED', 'other'],
      ['DELETED', ''],
    ] as const) {
      const { following, told, room, append, makeRoom } = open();
      append('one ');
      room.isFull = true;
      append('two ');
      following.onMessage(change, { ...message, content, position: { epoch: 'e', place: 1 } });
      await makeRoom();
      expect(told.slice(1)).toMatchObject([{ offset: 0, text: content, length: content.length }]);
    }
  });

  it('receives the rest from their offset after a reaction, which changes no text', async () => {
    const { following, told, room, append, makeRoom } = open();
    append('one ');
    room.isFull = true;
    append('two ');
    following.onMessage('REACTED', { ...message, content: 'one two ', position: { epoch: 'e', place: 1 } });
    await makeRoom();
    expect(told.slice(1)).toMatchObject([{ offset: 4, text: 'two ' }]);
  });

  it('receives nothing after leaving, though room is made', async () => {
    const { following, told, room, append, makeRoom } = open();
    append('one ');
    room.isFull = true;
    append('two ');
    following.close();
    expect(room.gate.isWaitedFor).toBe(false);
    await makeRoom();
    append('three');
    expect(told).toHaveLength(1);
  });
});
