/** The channel of a conversation: the order of its log, gaps, interruptions, and its end. */
import { isPast } from '../../src/delivery/past.ts';
import { TIMES } from '../../src/limits.ts';
import type { MessageRecord } from '../../src/model.ts';
import { alice, bob, carol, newConversationId, tenant, text } from '../support/world.ts';
import { Ear, openedChannel, unopenedChannel } from './channel-ear.ts';
import { AWAY } from './listening.ts';

describe('a channel that opens', () => {
  it('knows the state and the head; there is none of an unknown conversation', async () => {
    const { channel, create, say, tap } = await unopenedChannel();
    const { position } = await say('before');
    expect([channel.isSettled, channel.heardAt]).toEqual([false, Number.NEGATIVE_INFINITY]);
    await channel.open();
    expect([channel.position, channel.conversation?.lastSequence, channel.isSettled]).toEqual([position, 1, true]);
    await tap.unheard(() => say('unheard'));
    expect([await channel.readHead(), channel.position.place]).toEqual([
      { ...position, place: position.place + 1 },
      position.place,
    ]);
    const unknown = create(newConversationId());
    expect([await unknown.open(), await unknown.readHead()]).toEqual([false, null]);
  });

  it('reads what was announced meanwhile from the log', async () => {
    const { channel, say, tap } = await unopenedChannel();
    const release = tap.holdNext('readConversations');
    const ear = new Ear();
    channel.add(ear);
    const opening = channel.open();
    await tap.settle();
    await say('meanwhile');
    expect(ear.take()).toEqual([]);
    await release();
    await opening;
    expect(ear.take()).toContain('SENT meanwhile');
  });

  it('shows who is typing', async () => {
    const { engine, channel, id } = await unopenedChannel();
    await engine.setTyping(tenant, id, bob, true);
    await channel.open();
    expect(channel.typing.current()).toMatchObject([{ userId: bob }]);
  });
});

describe('messages of a channel', () => {
  it('come in the order of the log, each once; changes are past and new messages are not', async () => {
    const { tap, ear, say, engine, gaps } = await openedChannel();
    const first = await say('one');
    await say('two');
    tap.announce('conversation', { type: 'message', change: 'SENT', message: first });
    await engine.editMessage(tenant, first.id, 'edited', null);
    await tap.settle();
    expect([ear.take(), gaps]).toEqual([['SENT one', 'SENT two', 'EDITED edited'], []]);
    expect(ear.messages.map(isPast)).toEqual([false, false, true]);
  });

  it('that were lost are read from the log, once, page by page', async () => {
    const { tap, channel, ear, say, gaps } = await openedChannel({ pageSize: 2 });
    await tap.unheard(async () => {
      for (const content of ['1', '2', '3', '4']) await say(content);
    });
    const last = await say('5');
    await tap.settle();
    expect(ear.take()).toEqual(['SENT 1', 'SENT 2', 'SENT 3', 'SENT 4', 'SENT 5', `head ${last.position.place}`]);
    expect([gaps, channel.position, channel.isSettled]).toEqual([['closed'], last.position, true]);
  });

  it('of an epoch that the channel does not know are read from the log', async () => {
    const { tap, ear, say } = await openedChannel();
    const message = await say('one');
    const position = { epoch: 'other', place: message.position.place + 1 };
    tap.announce('conversation', { type: 'message', change: 'SENT', message: { ...message, position } });
    await tap.settle();
    expect(ear.take()).toEqual(['SENT one', `head ${message.position.place}`]);
  });

  it('that arrive while the log is read come after it, once', async () => {
    const { tap, channel, ear, say } = await openedChannel();
    await tap.unheard(() => say('1'));
    const release = tap.holdNext('readLog');
    await say('2');
    await tap.settle();
    expect(channel.isSettled).toBe(false);
    await say('3');
    expect(ear.take()).toEqual([]);
    await release();
    expect(ear.take().filter((each) => each.startsWith('SENT'))).toEqual(['SENT 1', 'SENT 2', 'SENT 3']);
    await say('4');
    expect([ear.take(), channel.isSettled]).toEqual([['SENT 4'], true]);
  });

  it('are read again after a pause when the engine fails; only a fault is logged', async () => {
    const { tap, channel, ear, say, logged } = await openedChannel();
    await tap.unheard(() => say('1'));
    tap.failNext('readLog', AWAY);
    tap.failNext('readLog', new Error('broken'));
    await say('2');
    await tap.pass(TIMES.retryMs - 1);
    expect([tap.countOf('readLog'), logged, channel.isSettled]).toEqual([1, [], false]);
    await tap.pass(1);
    expect([tap.countOf('readLog'), logged]).toEqual([2, ['error']]);
    await tap.pass(TIMES.retryMs);
    expect([ear.take().slice(0, 2), channel.isSettled]).toEqual([['SENT 1', 'SENT 2'], true]);
    await tap.pass(TIMES.retryMs * 2);
    expect(tap.countOf('readLog')).toBe(3);
  });

  it('are followed no more once it is closed; it is logged when the bus could not be left', async () => {
    const { tap, channel, ear, say, logged } = await openedChannel();
    tap.closingFault = new Error('broken');
    channel.close();
    await tap.settle();
    await say('late');
    expect([ear.take(), logged]).toEqual([[], ['warn']]);
  });

  it('change the conversation, and end the typing of their sender', async () => {
    const { tap, engine, id, ear, say } = await openedChannel({}, new Ear(null, true, true));
    await engine.setTyping(tenant, id, alice, true);
    await say('one');
    await engine.renameConversation(tenant, id, 'renamed');
    await engine.markRead(tenant, id, bob, 1);
    expect(ear.take()).toEqual([
      'alice types',
      'SENT one',
      'alice stops',
      'SENT Group 1',
      'CHANGED renamed 1',
      'READ renamed 1',
      'read bob 1',
    ]);
    // An older state is told to nobody.
    const [conversation] = await engine.readConversations(tenant, [id]);
    if (!conversation) throw new Error('gone');
    tap.announce('conversation', { type: 'conversation', conversation, joined: [], left: [] });
    expect(ear.take()).toEqual([]);
  });
});

describe('a channel that was interrupted', () => {
  it('delivers nothing before the members were read, and those removed first', async () => {
    const { tap, channel, engine, id, ear, say } = await openedChannel({}, new Ear(bob));
    tap.heardAt = 100;
    await tap.unheard(async () => {
      await engine.removeMember(tenant, id, bob, null);
      await say('after');
    });
    const releases = [tap.holdNext('readMemberships'), tap.holdNext('readMemberships')];
    tap.interrupt();
    tap.heardAt = 200;
    await say('later');
    tap.announce('conversation', { type: 'stop', message: { content: 'x' } as MessageRecord });
    await tap.settle();
    expect([ear.take(), channel.isSettled, channel.heardAt]).toEqual([[], false, 100]);
    for (const release of releases) await release();
    const told = ear.take();
    expect(told[0]).toBe('left bob null');
    expect(told.filter((each) => each.startsWith('SENT'))).toEqual(['SENT after', 'SENT later']);
    expect([channel.isSettled, channel.heardAt]).toEqual([true, 200]);
    tap.announce('conversation', { type: 'stop', message: { content: 'x' } as MessageRecord });
    expect(ear.take()).toEqual(['stop x']);
  });

  it.each([
    ['the log', 'readLog'],
    ['the state', 'readConversations'],
  ] as const)('tells a member who was removed unheard nothing else, though %s cannot be read', async (_, operation) => {
    const { tap, channel, engine, id, ear, say } = await openedChannel({}, new Ear(bob, true, true));
    ear.onLeft = () => channel.remove(ear);
    await tap.unheard(async () => {
      await engine.removeMember(tenant, id, bob, null);
      await engine.renameConversation(tenant, id, 'renamed');
      await say('after');
    });
    for (let nth = 0; nth < 3; nth += 1) tap.failNext(operation, AWAY);
    tap.interrupt();
    await tap.pass(TIMES.retryMs);
    await tap.pass(TIMES.retryMs * 3);
    // Nobody reads texts.
    expect([ear.take(), tap.countOf('listWritings')]).toEqual([[], 0]);
  });

  it('stays in doubt when it was interrupted again meanwhile', async () => {
    const { tap, channel, ear } = await openedChannel({}, new Ear(bob));
    tap.heardAt = 100;
    const first = [tap.holdNext('readMemberships'), tap.holdNext('readMemberships')];
    const second = [tap.holdNext('readMemberships'), tap.holdNext('readMemberships')];
    tap.interrupt();
    await tap.settle();
    tap.heardAt = 150;
    tap.interrupt();
    await tap.settle();
    for (const release of first) await release();
    expect([channel.isSettled, channel.heardAt]).toEqual([false, 100]);
    tap.heardAt = 200;
    for (const release of second) await release();
    expect([channel.isSettled, channel.heardAt, ear.heard.includes('settled')]).toEqual([true, 200, true]);
  });

  it('shows the present state, and read positions that moved unheard, to those who take them', async () => {
    for (const takesReads of [true, false]) {
      const { tap, engine, id, ear, say } = await openedChannel({}, new Ear(null, true, takesReads));
      await say('1');
      await say('2');
      ear.take();
      await engine.markRead(tenant, id, carol, 1);
      await tap.pass(3 * TIMES.clocksApartMs);
      tap.heardAt = tap.clock.elapsed();
      ear.take();
      await tap.unheard(async () => {
        await engine.renameConversation(tenant, id, 'renamed');
        await engine.markRead(tenant, id, bob, 2);
      });
      tap.interrupt();
      await tap.settle();
      const told = ear.take().filter((each) => !each.startsWith('head'));
      expect(told).toEqual(['CHANGED renamed 2', ...(takesReads ? ['read bob 2'] : [])]);
      expect(tap.countOf('listReadReceipts')).toBe(takesReads ? 1 : 0);
      // Read positions are read once.
      tap.interrupt();
      await tap.settle();
      expect(tap.countOf('listReadReceipts')).toBe(takesReads ? 1 : 0);
    }
  });

  it('reads the state again when it changes while in doubt, and retries until the engine answers', async () => {
    const { tap, engine, id, ear } = await openedChannel({}, new Ear(null, true));
    tap.failNext('readConversations', AWAY);
    tap.failNext('readLog', AWAY);
    tap.interrupt();
    await tap.settle();
    const release = tap.holdNext('readConversations');
    await engine.renameConversation(tenant, id, 'first');
    expect(ear.take()).toEqual([]);
    await engine.setTyping(tenant, id, bob, true);
    await tap.settle();
    await release();
    expect(ear.take().filter((each) => !each.startsWith('head'))).toEqual(['CHANGED first 0', 'bob types']);
    await tap.pass(TIMES.retryMs);
    expect(tap.countOf('readLog')).toBe(2);
  });

  it('does nothing once it was closed, and leaves no timer', async () => {
    const { tap, channel, ear, say, id, engine } = await openedChannel();
    await engine.setTyping(tenant, id, bob, true);
    ear.take();
    const pending = tap.clock.pending;
    channel.close();
    expect([tap.clock.pending, tap.listening]).toEqual([pending - 1, 0]);
    tap.interrupt();
    await say('late');
    expect([ear.take(), tap.clock.pending]).toEqual([[], pending - 1]);
  });

  it('retries nothing once it was closed', async () => {
    const { tap, channel, ear } = await openedChannel();
    tap.failNext('readLog', AWAY);
    tap.failNext('readConversations', AWAY);
    const pending = tap.clock.pending;
    tap.interrupt();
    channel.close();
    await tap.settle();
    expect([tap.clock.pending, ear.take()]).toEqual([pending, []]);
  });
});

describe('a channel that cannot continue', () => {
  it('says so once to each listener, and to those who come later', async () => {
    const { tap, channel, ear, say, gaps, logged, engine, id } = await openedChannel({ retention: 1 });
    await engine.setTyping(tenant, id, bob, true);
    ear.take();
    await tap.unheard(async () => {
      for (const content of ['1', '2', '3']) await say(content);
    });
    expect(channel.hasEnded).toBe(false);
    await say('4');
    await tap.settle();
    expect([ear.take(), gaps, logged, channel.hasEnded]).toEqual([
      ['lost POSITION_EXPIRED RETENTION'],
      ['lost'],
      ['warn'],
      true,
    ]);
    await say('5');
    const late = new Ear();
    channel.add(late);
    await say('6');
    await tap.pass(TIMES.typingMs);
    expect([ear.take(), late.take(), gaps]).toEqual([[], ['lost POSITION_EXPIRED RETENTION'], ['lost']]);
  });

  it('of a conversation that was deleted unheard says so, and counts no gap', async () => {
    const { tap, channel, engine, id, ear, gaps } = await openedChannel();
    await tap.unheard(() => engine.deleteConversation(tenant, id, null));
    tap.interrupt();
    await tap.settle();
    expect([ear.take(), gaps, channel.hasEnded]).toEqual([['lost NOT_FOUND undefined'], [], true]);
  });
});

describe('members of a channel', () => {
  it('who leave stop typing, and are told with the reason', async () => {
    const { engine, id, ear } = await openedChannel();
    await engine.setTyping(tenant, id, bob, true);
    await engine.removeMember(tenant, id, bob, { userId: bob, least: 'MEMBER' });
    expect(ear.take()).toEqual(['bob types', 'left bob LEFT', 'bob stops']);
    await engine.addMembers(tenant, id, [bob], 'MEMBER');
    expect(ear.take()).toEqual([]);
  });

  it('that are no listeners any more are told nothing', async () => {
    const { channel, ear, say } = await openedChannel();
    const other = new Ear();
    channel.add(other);
    channel.remove(ear);
    await say('one');
    expect([ear.take(), other.take()]).toEqual([[], ['SENT one']]);
  });
});

describe('a text in a channel', () => {
  it('that is still being written after an interruption is read with the list of them only', async () => {
    const { tap, engine, channel, id } = await openedChannel();
    await channel.writings.open();
    await engine.startMessage(tenant, { ...text(id, alice, 'a'), isHeld: false });
    const lists = tap.countOf('listWritings');
    tap.interrupt();
    await tap.settle();
    expect([tap.countOf('listWritings'), tap.countOf('readMessages')]).toEqual([lists + 1, 0]);
  });

  it('is told to its readers before the end of its message', async () => {
    const { engine, channel, id, ear } = await openedChannel();
    await channel.writings.open();
    const deaf = new Ear(null, false, false, false);
    channel.add(deaf);
    const started = await engine.startMessage(tenant, { ...text(id, alice, 'a'), isHeld: false });
    if (started.outcome !== 'appended') throw new Error(started.outcome);
    const { id: message } = started.message;
    ear.take();
    const next = { senderId: alice, offset: 1, text: 'b', payload: undefined, paceMs: 0 };
    await engine.appendText(tenant, message, next);
    const end = { senderId: alice, state: 'COMPLETE', length: null, content: 'abc', payload: undefined } as const;
    await engine.finishMessage(tenant, message, end);
    expect(ear.take()).toEqual(['text', 'text', 'FINISHED abc']);
    expect(deaf.take()).toEqual(['SENT a', 'FINISHED abc']);
  });
});
