import { alice, bob, carol, createGroup, newConversationId, tenant, text, viewerOf } from '../support/world.ts';
import { asAdmin, heardOf, NOWHERE, openStreams } from './stream-reader.ts';

describe('a stream over all conversations of its viewer', () => {
  it('goes on with those that are left, and needs a membership of an admin, too', async () => {
    const { tap, delivery, say, reader } = openStreams();
    const [one, other] = [await createGroup(tap.steady, alice, bob), await createGroup(tap.steady, alice, carol)];
    const bearer = reader(asAdmin);
    const stream = await delivery.messageReceived(bearer, null, NOWHERE);
    const { take } = heardOf(stream);
    await say(other, 'of others');
    await tap.unheard(() => tap.steady.removeMember(tenant, one, bob, null));
    // A new token is checked for each conversation.
    bearer.renew(viewerOf(bob));
    await tap.settle();
    await say(one, 'after');
    const two = await createGroup(tap.steady, alice, bob);
    await tap.settle();
    await say(two, 'joined');
    expect(take()).toEqual(['joined']);
    await stream.return();
    await tap.settle();
    expect(tap.listening).toBe(0);
  });

  it('tells the conversation that was joined to those who take conversations, unless it was left at once', async () => {
    const { tap, delivery, reader } = openStreams();
    const stream = await delivery.conversationUpdated(reader(), null);
    const { take } = heardOf(stream);
    const release = tap.holdNext('readMemberships');
    const left = await createGroup(tap.steady, alice, bob);
    await tap.settle();
    await tap.steady.removeMember(tenant, left, bob, null);
    await release();
    expect(take()).toEqual([]);
    await createGroup(tap.steady, alice, bob);
    await tap.settle();
    expect(take()).toEqual(['named Group']);
    await stream.return();
  });

  it('tells who is typing when it begins, but for the viewer', async () => {
    const { tap, delivery, reader } = openStreams();
    const one = await createGroup(tap.steady, alice, bob);
    for (const user of [alice, bob]) await tap.steady.setTyping(tenant, one, user, true);
    const stream = await delivery.typingIndicator(reader(), null);
    expect(heardOf(stream).take()).toEqual(['alice types']);
    await stream.return();
  });

  it('goes on in a conversation that the viewer deleted for themselves once it has a new message', async () => {
    const { tap, delivery, say, reader, gaps } = openStreams();
    const one = newConversationId();
    const members = [alice, bob].map((userId) => ({ userId, role: 'OWNER' as const }));
    await tap.steady.createConversation(tenant, { id: one, name: null, kind: 'DIRECT', createdBy: alice, members });
    await say(one, 'before');
    const typing = heardOf(await delivery.typingIndicator(reader(), null));
    await tap.steady.changeListed(tenant, bob, one, { isHidden: true });
    await say(one, 'shows it');
    await tap.settle();
    await tap.steady.setTyping(tenant, one, alice, true);
    expect([typing.take(), gaps]).toEqual([['alice types'], []]);
    delivery.close();
  });

  it('has new messages or changes, as it was asked for', async () => {
    const { tap, delivery, say, reader } = openStreams();
    const one = await createGroup(tap.steady, alice, bob);
    const received = heardOf(await delivery.messageReceived(reader(), null, NOWHERE));
    const updated = heardOf(await delivery.messageUpdated(reader(), null, NOWHERE));
    const stopped = heardOf(await delivery.messageStopped(reader()));
    const { id } = await say(one, 'sent');
    await tap.steady.editMessage(tenant, id, 'edited', null);
    expect([received.take(), updated.take(), stopped.take()]).toEqual([['sent'], ['edited'], []]);
    delivery.close();
  });

  it('is closed with the delivery', async () => {
    const { tap, delivery, say, reader } = openStreams();
    const one = await createGroup(tap.steady, alice, bob);
    const { take } = heardOf(await delivery.messageReceived(reader(), [one], NOWHERE));
    const pending = tap.clock.pending;
    delivery.close();
    await say(one, 'late');
    tap.interrupt();
    await tap.settle();
    expect([take(), tap.clock.pending]).toEqual([[], pending]);
  });

  it('leaves no timer for texts that wait to be sent', async () => {
    const { tap, delivery, reader } = openStreams(null, 40);
    const one = await createGroup(tap.steady, alice, bob);
    heardOf(await delivery.messageStreamed(reader(), [one]));
    const started = await tap.steady.startMessage(tenant, { ...text(one, alice, 'a'), isHeld: false });
    if (started.outcome !== 'appended') throw new Error(started.outcome);
    const pending = tap.clock.pending;
    const next = { senderId: alice, offset: 1, text: 'b', payload: undefined, paceMs: 0 };
    await tap.steady.appendText(tenant, started.message.id, next);
    expect(tap.clock.pending).toBe(pending + 1);
    delivery.close();
    // Nor does the look for silent writers.
    expect(tap.clock.pending).toBe(pending - 1);
  });

  it('leaves no timer when it was closed before a stream of texts is open', async () => {
    const { tap, delivery, reader } = openStreams();
    const one = await createGroup(tap.steady, alice, bob);
    const release = tap.holdNext('listWritings');
    const opening = delivery.messageStreamed(reader(), [one]);
    await tap.settle();
    const pending = tap.clock.pending;
    delivery.close();
    await release();
    await opening;
    expect(tap.clock.pending).toBe(pending);
  });

  it('reads no head of a log for those who take no messages', async () => {
    const { tap, delivery, reader } = openStreams();
    const one = await createGroup(tap.steady, alice, bob);
    await delivery.conversationUpdated(reader(), [one]);
    const read = tap.countOf('readConversations');
    await delivery.conversationUpdated(reader(), [one]);
    expect(tap.countOf('readConversations')).toBe(read);
    delivery.close();
  });
});
