import { fixedBearer } from '../../src/access/bearer.ts';
import { readListChanges } from '../../src/delivery/inbox/list-changes.ts';
import { TIMES } from '../../src/limits.ts';
import type { Retention } from '../../src/model.ts';
import { alice, bob, carol, sendText, tenant, viewerOf } from '../support/world.ts';
import { openInbox } from './inbox-reader.ts';

const LONG_MS = 3 * TIMES.clocksApartMs;

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
    const told = reader.take();
    // What was sent comes before the state that it led to.
    expect(told.indexOf('one: missed')).toBeLessThan(told.indexOf('three: ConversationChanged renamed'));
    expect(told.sort()).toEqual(
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
    await sendText(steady, two, alice, 'between');
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

  it('is told that it left a conversation that it joined again, though the log of its list does not say so', async () => {
    const { tap, steady, reader, two } = await away();
    await steady.removeMember(tenant, two, bob, null);
    await sendText(steady, two, alice, 'between');
    await steady.addMembers(tenant, two, [bob], 'MEMBER');
    const { checkpoint } = reader;
    if (!checkpoint) throw new Error('none');
    const { head } = await readListChanges(steady, viewerOf(bob), null);
    reader.checkpoint = { ...checkpoint, list: head };
    await reader.connect();
    await tap.settle();
    expect(reader.take().filter((each) => each.startsWith('two: Conversation'))).toEqual([
      'two: ConversationLeft REMOVED',
      'two: ConversationJoined two',
    ]);
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

  it.each([
    ['names', true],
    ['does not name', false],
  ])('begins again in a hidden conversation, which its checkpoint %s, once it is shown', async (_, isNamed) => {
    const { tap, create, reader } = openInbox(2);
    const { steady } = tap;
    const one = await create('one', 'DIRECT', [alice, bob]);
    await sendText(steady, one, alice, 'heard');
    await reader.connect();
    await sendText(steady, one, alice, 'heard live');
    await tap.pass(LONG_MS);
    await reader.leave();
    for (const content of ['1', '2', '3', '4']) await sendText(steady, one, alice, content);
    await steady.changeListed(tenant, bob, one, { isHidden: true });
    reader.take();
    const { checkpoint } = reader;
    if (!checkpoint) throw new Error('none');
    if (!isNamed) reader.checkpoint = { ...checkpoint, pointOf: () => undefined };
    await reader.connect();
    await tap.settle();
    expect(reader.take()).toEqual([]);
    await sendText(steady, one, alice, 'shows it');
    await tap.settle();
    const told = reader.take();
    expect(told.at(-1)).toBe('one: ConversationReset RETENTION');
    expect(told).not.toContain('one: shows it');
    await sendText(steady, one, alice, 'live');
    expect(reader.take()).toEqual(['one: live']);
    await reader.leave();
  });

  it('begins again, too, in a conversation that its checkpoint does not name, and gets checkpoints then', async () => {
    const { tap, steady, reader, three } = await away(2);
    for (const content of ['1', '2', '3', '4']) await sendText(steady, three, alice, content);
    const { checkpoint } = reader;
    if (!checkpoint) throw new Error('none');
    reader.checkpoint = { ...checkpoint, pointOf: () => undefined };
    reader.since.clear();
    await reader.connect();
    await tap.settle();
    expect(reader.take().filter((each) => each.startsWith('three'))).toEqual(['three: ConversationReset RETENTION']);
    expect(reader.checkpoint.time).toBeGreaterThan(checkpoint.time);
    await reader.leave();
  });

  it('is told of a conversation whose messages were lost meanwhile, and of its later ones', async () => {
    const { tap, steady, reader, one } = await away(1);
    await reader.connect();
    await tap.settle();
    reader.take();
    await tap.unheard(async () => {
      for (const content of ['1', '2', '3']) await sendText(steady, one, alice, content);
    });
    await sendText(steady, one, alice, '4');
    await tap.settle();
    expect(reader.take()).toEqual(['one: ConversationReset RETENTION']);
    await sendText(steady, one, alice, 'live');
    expect([reader.take(), reader.ended]).toEqual([['one: live'], undefined]);
    await reader.leave();
  });

  it('begins at the end of the log, also where the node has not heard of it yet', async () => {
    const { tap, create, reader, delivery } = openInbox();
    const one = await create('one');
    const earlier = await delivery.messageReceived(fixedBearer(viewerOf(alice)), [one], new Map());
    await tap.unheard(() => sendText(tap.steady, one, alice, 'before'));
    await reader.connect();
    tap.interrupt();
    await tap.settle();
    await sendText(tap.steady, one, alice, 'live');
    expect(reader.take().filter((each) => /before|live/.test(each))).toEqual(['one: live']);
    await reader.leave();
    await earlier.return();
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
