/** The stream of an inbox: its events and checkpoints (G19). */
import { isPast } from '../../src/delivery/past.ts';
import { TIMES } from '../../src/limits.ts';
import type { ConversationId } from '../../src/model.ts';
import { alice, bob, carol, sendText, tenant, text } from '../support/world.ts';
import { openInbox } from './inbox-reader.ts';
import { AWAY } from './listening.ts';

const LONG_MS = 3 * TIMES.clocksApartMs;

describe('the stream of an inbox', () => {
  it('has each event of each conversation, and none of the reader’s own typing', async () => {
    const { tap, create, reader } = openInbox();
    const { steady } = tap;
    const one = await create('one');
    const two = await create('two');
    await sendText(steady, one, alice, 'before');
    await reader.connect();
    expect([reader.take(), reader.checkpoint?.time]).toEqual([[], expect.any(Number)]);
    const message = await sendText(steady, one, alice, 'hello');
    await sendText(steady, two, bob, 'own');
    const events = [...reader.events];
    expect(events.map(isPast)).toEqual([false, false]);
    await steady.editMessage(tenant, message.id, 'edited', null);
    await steady.addReaction(tenant, message.id, carol, '+1');
    await steady.deleteMessage(tenant, message.id, alice);
    await steady.renameConversation(tenant, one, 'renamed');
    await steady.markRead(tenant, one, carol, 2);
    await steady.setTyping(tenant, one, carol, true);
    await steady.setTyping(tenant, one, bob, true);
    await steady.setTyping(tenant, one, carol, false);
    expect(reader.take()).toEqual([
      'one: hello',
      'two: own',
      'one: EDITED edited',
      'one: REACTED edited',
      'one: DELETED ',
      'one: ConversationChanged renamed',
      'one: carol read 2',
      'one: carol types',
      'one: carol stops',
    ]);
    await reader.leave();
  });

  it('has texts while they are written, and requests to stop for their writer only', async () => {
    const { tap, create, reader } = openInbox();
    const one = await create('one');
    await reader.connect();
    for (const sender of [alice, bob]) {
      const started = await tap.steady.startMessage(tenant, { ...text(one, sender, 'a'), isHeld: false });
      if (started.outcome !== 'appended') throw new Error(started.outcome);
      await tap.steady.requestStop(tenant, started.message.id);
    }
    const heard = reader.take().filter((each) => !each.startsWith('text'));
    expect(heard).toEqual(['one: a', 'one: a', 'one: MessageStopRequested']);
    await reader.leave();
  });

  it('tells of conversations that are joined and left, with the reason', async () => {
    const { tap, create, reader } = openInbox();
    const { steady } = tap;
    const one = await create('one');
    await reader.connect();
    const two = await create('two');
    const three = await create('three');
    const four = await create('four', 'GROUP', [alice, carol]);
    await tap.settle();
    expect(reader.take().sort()).toEqual(['three: ConversationJoined three', 'two: ConversationJoined two']);
    await sendText(steady, two, alice, 'new');
    await steady.removeMember(tenant, one, bob, { userId: bob, least: 'MEMBER' });
    await steady.removeMember(tenant, two, bob, null);
    await steady.deleteConversation(tenant, three, null);
    await tap.settle();
    await sendText(steady, two, alice, 'after');
    await sendText(steady, four, alice, 'of others');
    expect(reader.take()).toEqual([
      'two: new',
      'one: ConversationLeft LEFT',
      'two: ConversationLeft REMOVED',
      'three: ConversationLeft DELETED',
    ]);
    await steady.addMembers(tenant, two, [bob], 'MEMBER');
    await tap.settle();
    await sendText(steady, two, alice, 'again');
    expect(reader.take()).toEqual(['two: ConversationJoined two', 'two: alice read 2', 'two: again']);
    await reader.leave();
  });

  it('finds joined and left conversations after an interruption, and retries until the engine answers', async () => {
    const { tap, create, reader } = openInbox();
    const { steady } = tap;
    const one = await create('one');
    await reader.connect();
    await tap.unheard(async () => {
      await create('two');
      await steady.removeMember(tenant, one, bob, null);
    });
    tap.failNext('listConversationIds', AWAY);
    tap.interrupt('memberships');
    await tap.settle();
    await tap.pass(TIMES.retryMs - 1);
    expect(reader.take()).toEqual([]);
    await tap.pass(1);
    await tap.settle();
    expect(reader.take().sort()).toEqual(['one: ConversationLeft REMOVED', 'two: ConversationJoined two']);
    await tap.pass(TIMES.retryMs);
    expect([reader.take(), reader.ended]).toEqual([[], undefined]);
    await reader.leave();
  });

  it('tells no departure twice when the log of the list no longer reaches back', async () => {
    const { tap, create, reader } = openInbox();
    const one = await create('one');
    await reader.connect();
    tap.answerNext('readUserLog', { outcome: 'expired', reason: 'RETENTION' });
    await tap.steady.removeMember(tenant, one, bob, null);
    await tap.settle();
    expect(reader.take()).toEqual(['one: ConversationLeft REMOVED']);
    await reader.leave();
  });

  it('ends for a fault', async () => {
    const { tap, create, reader } = openInbox();
    await reader.connect();
    tap.failNext('readUserLog', new Error('broken'));
    await create('one');
    await tap.settle();
    expect(reader.ended).toMatchObject({ code: 'INTERNAL_SERVER_ERROR' });
  });

  it('has nothing of a hidden conversation until its next message, and then what changed meanwhile', async () => {
    const { tap, create, reader } = openInbox();
    const { steady } = tap;
    const one = await create('one', 'DIRECT', [alice, bob]);
    await sendText(steady, one, alice, 'before');
    await reader.connect();
    await steady.changeListed(tenant, bob, one, { isHidden: true });
    await steady.setTyping(tenant, one, alice, true);
    await steady.renameConversation(tenant, one, 'renamed');
    await tap.settle();
    expect(reader.take()).toEqual([]);
    await sendText(steady, one, alice, 'shown');
    await tap.settle();
    expect(reader.take().sort()).toEqual([
      'one: ConversationChanged renamed',
      'one: alice read 2',
      'one: alice stops',
      'one: shown',
    ]);
    await sendText(steady, one, alice, 'more');
    expect(reader.take()).toEqual(['one: more']);
    await reader.leave();
  });
});

describe('an inbox whose reader hid a conversation, unheard', () => {
  it('has nothing of it after the interruption, until its next message', async () => {
    const { tap, create, reader } = openInbox();
    const one = await create('one', 'DIRECT', [alice, bob]);
    await sendText(tap.steady, one, alice, 'before');
    await reader.connect();
    await tap.unheard(() => tap.steady.changeListed(tenant, bob, one, { isHidden: true }));
    tap.interrupt('memberships');
    await tap.settle();
    await tap.steady.setTyping(tenant, one, alice, true);
    expect(reader.take()).toEqual([]);
    await sendText(tap.steady, one, alice, 'shown');
    await tap.settle();
    expect(reader.take()).toContain('one: shown');
    await reader.leave();
  });
});

describe('an inbox whose reader hid a conversation before', () => {
  it('has nothing of it until its next message', async () => {
    const { tap, create, reader } = openInbox();
    const one = await create('one', 'DIRECT', [alice, bob]);
    await sendText(tap.steady, one, alice, 'before');
    await tap.steady.changeListed(tenant, bob, one, { isHidden: true });
    await reader.connect();
    await tap.steady.renameConversation(tenant, one, 'renamed');
    await tap.settle();
    expect(reader.take()).toEqual([]);
    await sendText(tap.steady, one, alice, 'shown');
    await tap.settle();
    expect(reader.take()).toContain('one: shown');
    await reader.leave();
  });
});

describe('checkpoints of an inbox', () => {
  it('follow changes, not more often than promised, and not what cannot be resumed', async () => {
    const { tap, create, reader } = openInbox();
    const one = await create('one');
    await reader.connect();
    await tap.pass(LONG_MS);
    const times = (): number =>
      reader.events.splice(0).filter((event) => 'kind' in event && event.kind === 'Checkpoint').length;
    expect(times()).toBe(1);
    await tap.steady.setTyping(tenant, one, alice, true);
    await tap.pass(TIMES.checkpointMs * 2);
    expect(times()).toBe(0);
    await sendText(tap.steady, one, alice, '1');
    await tap.pass(0);
    expect(times()).toBe(1);
    await sendText(tap.steady, one, alice, '2');
    await sendText(tap.steady, one, alice, '3');
    await tap.pass(TIMES.checkpointMs - 1);
    expect(times()).toBe(0);
    await tap.pass(1);
    expect(times()).toBe(1);
    await tap.pass(TIMES.checkpointMs * 3);
    expect(times()).toBe(0);
    tap.failNext('time', AWAY);
    await sendText(tap.steady, one, alice, '4');
    await tap.pass(0);
    expect(times()).toBe(0);
    await tap.pass(TIMES.retryMs);
    expect(times()).toBe(1);
    // While it is not known what was heard there is none, and it is looked again with the next one.
    await tap.pass(TIMES.checkpointMs);
    tap.heardAt = Number.NEGATIVE_INFINITY;
    await sendText(tap.steady, one, alice, '5');
    await tap.pass(0);
    tap.heardAt = null;
    await tap.pass(TIMES.checkpointMs - 1);
    expect(times()).toBe(0);
    await tap.pass(1);
    expect(times()).toBe(1);
    await reader.leave();
    await tap.pass(TIMES.checkpointMs);
    expect(times()).toBe(0);
  });
});

describe('checkpoints that name few conversations', () => {
  it('name the one with the latest change at first, however old its messages are', async () => {
    const { tap, create, reader } = openInbox(null, 1);
    const begin = async (name: string): Promise<ConversationId> => {
      const id = await create(name);
      await sendText(tap.steady, id, alice, '1');
      await tap.pass(LONG_MS);
      return id;
    };
    const [old, newer] = [await begin('old'), await begin('newer')];
    await tap.steady.renameConversation(tenant, old, 'renamed');
    await reader.connect();
    expect([old, newer].map((id) => reader.checkpoint?.pointOf(id) !== undefined)).toEqual([true, false]);
    await reader.leave();
  });

  it('wait until all others changed long before', async () => {
    const { tap, create, reader } = openInbox(null, 1);
    const [one, two] = [await create('one'), await create('two')];
    await reader.connect();
    await tap.pass(LONG_MS);
    const times = (): number =>
      reader.events.splice(0).filter((event) => 'kind' in event && event.kind === 'Checkpoint').length;
    times();
    await sendText(tap.steady, one, alice, '1');
    await sendText(tap.steady, two, alice, '1');
    await tap.pass(0);
    expect(times()).toBe(0);
    await tap.pass(TIMES.checkpointMs);
    expect(times()).toBe(0);
    for (let passed = 0; passed < LONG_MS; passed += TIMES.checkpointMs) await tap.pass(TIMES.checkpointMs);
    expect(times()).toBe(1);
    await reader.leave();
  });
});
