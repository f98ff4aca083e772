import { ChannelRegistry } from '../../src/delivery/channel-registry.ts';
import { Merging } from '../../src/delivery/conversations/merging.ts';
import { SharedLog } from '../../src/delivery/conversations/shared-log.ts';
import { createConversationStreams } from '../../src/delivery/conversations/subscriptions.ts';
import { FollowCounts } from '../../src/delivery/follow-counts.ts';
import { Doubts } from '../../src/delivery/sessions/doubts.ts';
import { ServiceError } from '../../src/errors.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import {
  alice,
  bob,
  carol,
  createGroup,
  newConversationId,
  silentLog,
  tenant,
  text,
  viewerOf,
} from '../support/world.ts';
import { AWAY } from './listening.ts';
import { asAdmin, heardOf, NOWHERE, openStreams } from './stream-reader.ts';

describe('where a stream begins', () => {
  it('is now, or the position of its reader, for each conversation', async () => {
    const { tap, delivery, resumes, say, reader } = openStreams();
    const [one, two] = [await createGroup(tap.steady, alice, bob), await createGroup(tap.steady, alice, bob)];
    const { position } = await say(one, 'before');
    await say(one, 'missed');
    await say(two, 'of the other');
    const stream = await delivery.messageReceived(reader(), [one, two], new Map([[one, position]]));
    const { take } = heardOf(stream);
    await tap.settle();
    expect([take(), resumes]).toEqual([['missed'], ['resumed']]);
    await say(two, 'live');
    await say(one, 'live, too');
    expect(take()).toEqual(['live', 'live, too']);
    await stream.return();
    await tap.settle();
    expect(tap.listening).toBe(0);
  });

  it('is no position that has expired', async () => {
    const { tap, delivery, resumes, say, reader } = openStreams(1);
    const one = await createGroup(tap.steady, alice, bob);
    const { position } = await say(one, '1');
    for (const content of ['2', '3', '4']) await say(one, content);
    const after = new Map([[one, position]]);
    await expect(delivery.messageReceived(reader(), [one], after)).rejects.toMatchObject({ reason: 'RETENTION' });
    expect(resumes).toEqual(['expired']);
    const begun: unknown[] = [];
    const onBegin = (...[id, from, expiry]: readonly unknown[]): void =>
      void begun.push([id, from, expiry instanceof ServiceError ? expiry.reason : expiry]);
    const feed = await delivery.feed(reader(), after, onBegin, true);
    const { take } = heardOf(feed);
    await tap.settle();
    expect(begun).toEqual([[one, { ...position, place: position.place + 3 }, 'RETENTION']]);
    await say(one, 'live');
    expect([take(), resumes]).toEqual([['live'], ['expired', 'expired']]);
    await feed.return();
    await tap.settle();
    expect(tap.listening).toBe(0);
  });

  it('is in no conversation that the viewer may not see; a position shows that they did', async () => {
    const { tap, delivery, say, reader } = openStreams();
    const [one, other] = [await createGroup(tap.steady, alice, bob), await createGroup(tap.steady, alice, carol)];
    const gone = newConversationId();
    const refused = { code: 'NOT_FOUND' };
    for (const id of [other, gone])
      await expect(delivery.messageReceived(reader(), [one, id], NOWHERE)).rejects.toMatchObject(refused);
    const { position } = await say(other, 'x');
    const after = new Map([
      [other, position],
      [gone, position],
    ]);
    await expect(delivery.messageReceived(reader(), [other, gone], after)).rejects.toMatchObject(refused);
    await tap.settle();
    expect(tap.listening).toBe(0);
    const stream = await delivery.messageReceived(reader(), [one, other, gone], after);
    const { take } = heardOf(stream);
    await say(other, 'of others');
    await say(one, 'own');
    expect(take()).toEqual(['FORBIDDEN', 'FORBIDDEN', 'own']);
    await stream.return();
  });

  it('is in no conversation that the viewer left while it was joined', async () => {
    const { tap, delivery, reader } = openStreams();
    const one = await createGroup(tap.steady, alice, bob);
    const release = tap.holdNext('readMemberships');
    const opening = delivery.messageReceived(reader(), [one], NOWHERE);
    const refused = expect(opening).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await tap.settle();
    await tap.steady.removeMember(tenant, one, bob, null);
    await release();
    await refused;
    await tap.settle();
    expect(tap.listening).toBe(0);
  });

  it('is in no conversation that was joined when the stream had ended', async () => {
    const { tap, delivery, reader } = openStreams();
    const stream = await delivery.messageReceived(reader(), null, NOWHERE);
    const release = tap.holdNext('readConversations');
    await createGroup(tap.steady, alice, bob);
    await tap.settle();
    await stream.return();
    await release();
    expect(tap.listening).toBe(0);
  });

  it('reads no more of what was missed once it has ended', async () => {
    const { tap, delivery, reader } = openStreams();
    const one = await createGroup(tap.steady, alice, bob);
    const [state] = await tap.steady.readConversations(tenant, [one]);
    if (!state) throw new Error('none');
    for (let n = 0; n < 3 * LIMITS.logPage; n += 1) await tap.steady.appendMessage(tenant, text(one, alice, `${n}`));
    const stream = await delivery.messageReceived(reader(), [one], new Map([[one, state.position]]));
    await tap.settle();
    const read = tap.countOf('readLog');
    await stream.return();
    for (let n = 0; n < 5; n += 1) await tap.settle();
    expect(tap.countOf('readLog')).toBe(read);
  });

  it('fails as the engine does, and leaves nothing open', async () => {
    for (const operation of ['listen', 'readConversations', 'readMemberships', 'listWritings'] as const) {
      const { tap, delivery, reader } = openStreams();
      const one = await createGroup(tap.steady, alice, bob);
      const two = await createGroup(tap.steady, alice, bob);
      tap.failNext(operation, AWAY);
      const opening =
        operation === 'listWritings'
          ? delivery.messageStreamed(reader(), [one, two])
          : delivery.messageReceived(reader(), [one, two], NOWHERE);
      await expect(opening).rejects.toBe(AWAY);
      await tap.settle();
      expect(tap.listening).toBe(0);
      tap.failNext(operation, AWAY);
      const openingAll =
        operation === 'listWritings'
          ? delivery.messageStreamed(reader(), null)
          : delivery.messageReceived(reader(), null, NOWHERE);
      await expect(openingAll).rejects.toBe(AWAY);
      await tap.settle();
      expect(tap.listening).toBe(0);
    }
  });
});

describe('what the streams of a user follow, named or all', () => {
  it('has a cap over all of them, until they end', async () => {
    const { tap, reader } = openStreams();
    const { engine, steady, clock } = tap;
    const ids = [await createGroup(steady, alice, bob), await createGroup(steady, alice, bob)];
    const { messageReceived } = createConversationStreams({
      engine,
      clock,
      log: silentLog,
      doubts: new Doubts(),
      countGap: () => undefined,
      countResume: () => undefined,
      merging: new Merging(clock, 0),
      channels: new ChannelRegistry(),
      sharedLog: new SharedLog(engine, clock),
      followCounts: new FollowCounts(3, 'things'),
    });
    const open = (named: typeof ids | null) => messageReceived(reader(), named, NOWHERE);
    const refused = { code: 'BAD_USER_INPUT', message: expect.stringContaining('at most 3 things') };
    for (const [one, other] of [
      [ids, null],
      [null, ids],
    ] as const) {
      const stream = await open(one && [...one]);
      await expect(open(other && [...other])).rejects.toMatchObject(refused);
      await stream.return();
    }
    const all = await open(null);
    const more = await createGroup(steady, alice, bob);
    await tap.settle();
    await expect(open([more])).rejects.toMatchObject(refused);
    await all.return();
    await (await open(ids.slice(1))).return();
  });
});

describe('a stream over named conversations', () => {
  it('goes on without one that was lost, and ends with the last', async () => {
    const { tap, delivery, say, reader } = openStreams();
    const [one, two] = [await createGroup(tap.steady, alice, bob), await createGroup(tap.steady, alice, bob)];
    const stream = await delivery.messageReceived(reader(), [one, two], NOWHERE);
    const { take } = heardOf(stream);
    await tap.steady.removeMember(tenant, one, bob, null);
    await tap.steady.removeMember(tenant, two, carol, null);
    await say(one, 'after');
    await say(two, 'live');
    expect(take()).toEqual(['FORBIDDEN', 'live']);
    await tap.unheard(() => tap.steady.deleteConversation(tenant, two, null));
    tap.interrupt();
    await tap.settle();
    expect([take(), tap.listening]).toEqual([['end FORBIDDEN'], 0]);
  });

  it('withdraws what was queued of a conversation that is lost, and nothing else', async () => {
    const { tap, delivery, say, reader } = openStreams();
    const [one, two] = [await createGroup(tap.steady, alice, bob), await createGroup(tap.steady, alice, bob)];
    const stream = await delivery.messageReceived(reader(), [one, two], NOWHERE);
    await say(one, 'of the lost one');
    await say(two, 'of the other');
    await tap.steady.removeMember(tenant, one, bob, null);
    expect(heardOf(stream).take()).toEqual(['of the other', 'FORBIDDEN']);
    await stream.return();
  });

  it('ends when its log has lost its end, or what its reader misses', async () => {
    const { tap, delivery, gaps, say, reader } = openStreams(1);
    const one = await createGroup(tap.steady, alice, bob);
    const stream = await delivery.messageReceived(reader(), [one], NOWHERE);
    const { take } = heardOf(stream);
    await tap.unheard(async () => {
      for (const content of ['1', '2', '3']) await say(one, content);
    });
    await say(one, '4');
    await tap.settle();
    expect([take(), gaps, tap.listening]).toEqual([['end POSITION_EXPIRED RETENTION'], ['lost'], 0]);
    // The next stream has a channel of its own.
    const next = await delivery.messageReceived(reader(), [one], NOWHERE);
    const later = heardOf(next);
    await say(one, '5');
    expect(later.take()).toEqual(['5']);
    await next.return();
  });

  it('ends when its replay fails, and goes on when the engine was only away', async () => {
    for (const [error, told] of [
      [AWAY, ['missed']],
      [new Error('broken'), ['end INTERNAL_SERVER_ERROR']],
    ] as const) {
      const { tap, delivery, say, reader } = openStreams();
      const one = await createGroup(tap.steady, alice, bob);
      const { position } = await say(one, 'before');
      await say(one, 'missed');
      // When the stream opens, and when a conversation begins; the third look is that of the replay.
      for (let nth = 0; nth < 2; nth += 1) void tap.holdNext('readMemberships')();
      tap.failNext('readMemberships', error);
      const { take } = heardOf(await delivery.messageReceived(reader(), [one], new Map([[one, position]])));
      await tap.settle();
      await tap.pass(TIMES.retryMs);
      expect(take()).toEqual(told);
      delivery.close();
    }
  });

  it('of an admin needs no membership, until a token is none of an admin', async () => {
    const { tap, delivery, say, reader } = openStreams();
    const [own, other] = [await createGroup(tap.steady, alice, bob), await createGroup(tap.steady, alice, carol)];
    const bearer = reader(asAdmin);
    const stream = await delivery.messageReceived(bearer, [own, other], NOWHERE);
    const { take } = heardOf(stream);
    await say(other, 'seen');
    bearer.renew(viewerOf(bob, asAdmin));
    await tap.settle();
    await tap.steady.removeMember(tenant, own, bob, null);
    await say(own, 'seen, too');
    expect(take()).toEqual(['seen', 'seen, too']);
    tap.failNext('readMemberships', AWAY);
    bearer.renew(viewerOf(bob));
    await tap.settle();
    expect(take()).toEqual([]);
    await tap.pass(TIMES.retryMs);
    expect([take(), tap.listening]).toEqual([['end FORBIDDEN'], 0]);
    // An ended stream looks at no further token.
    const asked = tap.countOf('readMemberships');
    bearer.renew(viewerOf(bob));
    await tap.settle();
    expect(tap.countOf('readMemberships')).toBe(asked);
  });
});
