/** One stream's use of one channel: what it passes on before, during and after a replay, and while it is hidden. */
import type { ConversationChannel } from '../../src/delivery/conversations/channel.ts';
import { FollowedConversation, type Selection } from '../../src/delivery/conversations/followed-conversation.ts';
import { HiddenConversations } from '../../src/delivery/inbox/hidden-conversations.ts';
import type { Membership, MessageChange, MessageRecord, Position } from '../../src/model.ts';
import { alice, bob, newConversationId, sendText, tenant, viewerOf } from '../support/world.ts';
import { TappedEngine } from './tapped-engine.ts';

const at = (place: number, epoch = 'e'): Position => ({ epoch, place });
const message = (place: number, epoch = 'e', sequence = place): MessageRecord =>
  ({ id: `m${place}`, sequence, position: at(place, epoch) }) as unknown as MessageRecord;

const ALL: Selection<object> = {
  message: (_access, { position }, change) => ({ event: `${change} ${position.place}` }),
  conversation: (_access, _record, cause) => ({ event: cause }),
  joined: () => ({ event: 'joined' }),
  typing: () => ({ event: 'typing' }),
  stop: () => ({ event: 'stop' }),
  read: () => ({ event: 'read' }),
};

function open({ isFirst = false, lastSequence = 0, selection = ALL } = {}) {
  const heard: string[] = [];
  const told: string[] = [];
  const channel = {
    id: 'c',
    position: at(5),
    conversation: { version: 1, lastSequence },
    isSettled: true,
    writings: { current: () => [] },
  };
  const following = new FollowedConversation<object>(
    channel as unknown as ConversationChannel,
    {
      viewer: viewerOf(bob),
      onLeft: () => void told.push('left'),
      onShown: () => void told.push('shown'),
      onAhead: () => void told.push('ahead'),
      onChannelEnd: (_, error) => void told.push(`lost ${error.reason}`),
    },
    selection,
    {
      push: (event) => void heard.push((event as { event: string }).event),
      isCongested: () => false,
      onRoom: () => () => undefined,
    },
    isFirst,
  );
  const hear = (place: number, change: MessageChange = 'SENT', epoch = 'e', sequence = place): void =>
    following.onMessage(change, message(place, epoch, sequence));
  const begin = (): void => {
    following.admit({} as never, null);
    following.begin(at(5));
  };
  return { following, channel, heard, told, hear, begin };
}

describe('a following', () => {
  it('begins at the head of a channel that was opened for it, and knows none of another', () => {
    expect([open({ isFirst: true }).following.beganAt, open().following.beganAt]).toEqual([at(5), null]);
  });

  it('passes nothing on before it begins, nor without access, nor live during a replay', () => {
    const { following, heard, hear } = open();
    hear(6);
    following.onTyping({} as never);
    expect(following.isLive).toBe(false);
    expect(following.admit(null, null)).toBe(false);
    following.begin(at(5));
    following.take('SENT', message(6));
    expect(following.admit({} as never, null)).toBe(true);
    following.onJoined();
    following.take('SENT', message(6));
    expect(heard.splice(0)).toEqual(['joined']);
    following.begin(at(5));
    hear(6);
    expect([heard.splice(0), following.position]).toEqual([[], at(5)]);
    following.reach(at(6));
    following.take('SENT', message(6));
    expect([heard.splice(0), following.position, following.isLive]).toEqual([['SENT 6'], at(6), false]);
    following.goLive(at(6));
    expect([following.position, following.isLive]).toEqual([at(6), true]);
  });

  it('passes on what is past its place, once', () => {
    const { following, heard, told, hear, begin } = open();
    begin();
    following.goLive(at(6));
    hear(6);
    hear(7);
    hear(7);
    hear(8, 'EDITED');
    expect([heard, told, following.position]).toEqual([['SENT 7', 'EDITED 8'], [], at(8)]);
    hear(8, 'SENT', 'f');
    expect(told).toEqual(['lost DIVERGED']);
    hear(9, 'SENT', 'f');
    expect(following.position).toEqual(at(9, 'f'));
  });

  it('says when the log is behind it, as one that lost its end is', () => {
    const { following, told, begin } = open();
    begin();
    following.onHead(at(1));
    following.goLive(at(6));
    following.onHead(at(6));
    following.onHead(at(7));
    expect(told).toEqual([]);
    following.onHead(at(5));
    expect(told).toEqual(['ahead']);
    following.hide(9);
    following.onHead(at(5));
    expect(told).toEqual(['ahead']);
  });

  it('is of the membership that it began with', () => {
    const { following } = open();
    const membership = (ordinal: number) => ({ ordinal, joinedAt: 3 }) as Membership;
    expect([following.member, following.isOf(null), following.joinedAt]).toEqual([null, true, null]);
    following.admit({} as never, membership(0));
    expect([
      following.member,
      following.isOf(membership(0)),
      following.isOf(membership(1)),
      following.isOf(null),
    ]).toEqual([bob, true, false, false]);
    expect(following.joinedAt).toBe(3);
  });

  it('passes nothing on once it was left, and cannot be admitted again', () => {
    const { following, heard, hear, begin } = open();
    begin();
    following.goLive(at(5));
    following.leave();
    hear(6);
    for (const tell of ['onTyping', 'onStop', 'onRead', 'onJoined'] as const) following[tell]({} as never);
    following.onConversation({} as never, 'CHANGED');
    expect([heard, following.admit({} as never, null), following.isHidden]).toEqual([[], false, false]);
  });

  it('calls for what its selection takes only', () => {
    const { following } = open();
    expect([following.takesConversation, following.takesText, following.takesReads]).toEqual([true, false, true]);
    const other = new FollowedConversation<object>(
      {} as never,
      {} as never,
      { extension: () => null },
      {} as never,
      false,
    );
    expect([other.takesConversation, other.takesText, other.takesReads]).toEqual([false, true, false]);
    const { following: lean, heard, hear } = open({ selection: {} });
    lean.admit({} as never, null);
    lean.begin(at(5));
    hear(6);
    lean.onJoined();
    lean.onConversation({} as never, 'CHANGED');
    lean.onTyping({} as never);
    lean.onStop({} as never);
    expect(heard).toEqual([]);
  });
});

describe('a following whose conversation is hidden', () => {
  it('passes nothing on until a message past its hiding is sent, and then continues where it was', () => {
    const { following, heard, told, hear, begin, channel } = open({ lastSequence: 6 });
    begin();
    following.goLive(at(6));
    following.hide(6);
    expect([following.isHidden, following.isLive, following.position, following.hidings]).toEqual([
      true,
      true,
      at(6),
      1,
    ]);
    expect(following.isWithheld).toBe(true);
    channel.position = at(6);
    expect(following.isWithheld).toBe(false);
    channel.conversation = { version: 2, lastSequence: 6 };
    expect(following.isWithheld).toBe(true);
    hear(7, 'EDITED', 'e', 7);
    hear(8, 'SENT', 'e', 6);
    following.onConversation({} as never, 'CHANGED');
    expect([heard, told, following.isHidden]).toEqual([[], [], true]);
    hear(9, 'SENT', 'e', 7);
    expect([heard, told, following.isHidden, following.isLive, following.position, following.isWithheld]).toEqual([
      [],
      ['shown'],
      false,
      false,
      at(6),
      false,
    ]);
    following.take('SENT', message(7));
    expect(heard).toEqual(['SENT 7']);
  });

  it('is not hidden by an act before its last message, nor before it began', () => {
    const { following, begin } = open({ lastSequence: 6 });
    following.hide(9);
    expect(following.isHidden).toBe(false);
    begin();
    following.hide(5);
    expect([following.isHidden, following.hidings]).toEqual([false, 0]);
    following.hide(6);
    expect(following.isHidden).toBe(true);
    // Joined, but hidden since.
    following.leave();
    expect(following.isHidden).toBe(false);
  });
});

describe('the hidden conversations of a viewer', () => {
  it('are hidden at the latest of their acts, until they are shown', async () => {
    const { steady } = new TappedEngine();
    const hidden = new HiddenConversations();
    await hidden.read(steady, viewerOf(bob));
    const { following, begin } = open({ lastSequence: 6 });
    begin();
    hidden.applyToAll([following]);
    expect([hidden.applyTo(following), following.isHidden]).toEqual([false, false]);
    const { id } = following.channel;
    hidden.hide(id, 6);
    hidden.hide(id, 4);
    hidden.applyToAll([following]);
    expect([hidden.applyTo(following), following.isHidden]).toEqual([true, true]);
    hidden.show(id);
    const other = open({ lastSequence: 6 });
    other.begin();
    expect(hidden.applyTo(other.following)).toBe(false);
    const kept = newConversationId();
    const members = [alice, bob].map((userId) => ({ userId, role: 'MEMBER' as const }));
    await steady.createConversation(tenant, { id: kept, name: null, kind: 'DIRECT', createdBy: alice, members });
    await sendText(steady, kept, alice, 'hidden');
    await steady.changeListed(tenant, bob, kept, { isHidden: true });
    await hidden.read(steady, viewerOf(bob));
    Object.assign(other.channel, { id: kept, conversation: { version: 1, lastSequence: 1 } });
    expect(hidden.applyTo(other.following)).toBe(true);
  });
});
