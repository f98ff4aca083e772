/** The stream of an inbox: its events, and what a returning reader is told of an absence (G19). */
import { isPast } from '../../src/delivery/past.ts';
import { TIMES } from '../../src/limits.ts';
import type { Retention } from '../../src/model.ts';
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
    await reader.leave();
    await tap.pass(TIMES.checkpointMs);
    expect(times()).toBe(0);
  });
});

describe('checkpoints that name few conversations', () => {
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

describe('a reader of an inbox who comes back', () => {
  async function away(retention: Retention = null) {
    const parts = openInbox(retention);
    const { tap, create, reader } = parts;
    const [one, two, three] = [await create('one'), await create('two'), await create('three')];
    await tap.pass(LONG_MS);
    await reader.connect();
    await sendText(tap.steady, one, alice, 'heard');
    await tap.pass(LONG_MS);
    await sendText(tap.steady, two, alice, 'heard since');
    reader.take();
    await reader.leave();
    return { ...parts, steady: tap.steady, one, two, three };
  }

  it('is told what was missed, and nothing else', async () => {
    const { tap, steady, create, reader, one, two, three } = await away();
    await sendText(steady, one, alice, 'missed');
    await steady.renameConversation(tenant, three, 'renamed');
    await steady.markRead(tenant, two, carol, 1);
    await create('four');
    await reader.connect();
    await tap.settle();
    expect(reader.take().sort()).toEqual(
      [
        'four: ConversationJoined four',
        'one: missed',
        'three: ConversationChanged renamed',
        'two: ConversationChanged two',
        'two: alice read 1',
        'two: carol read 1',
      ].sort(),
    );
    await reader.leave();
    // Everything was told.
    await reader.connect();
    await tap.settle();
    expect(reader.take().filter((each) => /missed|Joined|Left|heard/.test(each))).toEqual([]);
  });

  it('is told of conversations that were left, and left and joined again', async () => {
    const { tap, steady, reader, one, two, three } = await away();
    await steady.deleteConversation(tenant, one, null);
    // Of this one the reader has events since the checkpoint.
    await steady.removeMember(tenant, two, bob, null);
    await steady.addMembers(tenant, two, [bob], 'MEMBER');
    await steady.removeMember(tenant, three, bob, { userId: bob, least: 'MEMBER' });
    await sendText(steady, three, alice, 'between');
    await steady.addMembers(tenant, three, [bob], 'MEMBER');
    await sendText(steady, three, alice, 'after');
    await reader.connect();
    await tap.settle();
    expect(reader.take().filter((each) => !each.includes('read'))).toEqual([
      'one: ConversationLeft DELETED',
      'two: ConversationLeft REMOVED',
      'three: ConversationLeft LEFT',
      'two: ConversationJoined two',
      'three: ConversationJoined three',
      'three: after',
    ]);
  });

  it('is told the state of a conversation that changed when the checkpoint may not have it', async () => {
    const { tap, steady, reader, three } = await away();
    await steady.renameConversation(tenant, three, 'renamed');
    const [head] = await steady.readHeads(tenant, [three], 0);
    await tap.pass(LONG_MS);
    const { checkpoint } = reader;
    if (!head || !checkpoint) throw new Error('none');
    for (const [time, told] of [
      [head.changedAt + TIMES.clocksApartMs, []],
      [head.changedAt + TIMES.clocksApartMs - 1, ['three: ConversationChanged renamed']],
    ] as const) {
      reader.checkpoint = { ...checkpoint, time, pointOf: () => undefined };
      await reader.connect();
      await tap.settle();
      expect(reader.take().filter((each) => each.startsWith('three: Conversation'))).toEqual(told);
      await reader.leave();
    }
  });

  it('begins again where the log no longer reaches back', async () => {
    const { tap, steady, reader, resumes, one } = await away(2);
    for (const content of ['1', '2', '3', '4']) await sendText(steady, one, alice, content);
    resumes.length = 0;
    await reader.connect();
    await tap.settle();
    expect(reader.take().filter((each) => each.startsWith('one'))).toContain('one: ConversationReset RETENTION');
    await sendText(steady, one, alice, 'live');
    expect(reader.take()).toEqual(['one: live']);
  });

  it('is refused with a checkpoint of the future, or of another log of the list', async () => {
    const { reader, tap } = await away();
    const { checkpoint } = reader;
    if (!checkpoint) throw new Error('none');
    const now = await tap.steady.time();
    reader.checkpoint = { ...checkpoint, time: now + 60_000 };
    await expect(reader.connect()).rejects.toMatchObject({ code: 'POSITION_EXPIRED', reason: 'DIVERGED' });
    reader.checkpoint = { ...checkpoint, list: { ...checkpoint.list, epoch: 'other' } };
    await expect(reader.connect()).rejects.toMatchObject({ code: 'POSITION_EXPIRED' });
  });
});
