/** The acts of users in the property of the meters: each change in every way in. */
import type { Change } from '../../../src/model.ts';
import { pick, type Random } from '../../faults/random.ts';

export interface Act {
  readonly change: Change;
  readonly document: string;
  /** The same over `/ws`; null where there is no frame for it. */
  readonly frame: { readonly type: string; readonly data: object } | null;
  readonly named: number;
}

const names = (count: number): string => Array.from({ length: count }, (_, index) => `"friend-${index}"`).join(', ');
const act = (change: Change, document: string, frame: Act['frame'] = null, named = 0): Act => ({
  change,
  document,
  frame,
  named,
});

/** Most ask for something that is not there: a change is counted before that is known. */
const ACTS: readonly ((named: number) => Act)[] = [
  () =>
    act('message', 'mutation { deleteMessage(id: "x") { id } }', {
      type: 'Broadcast',
      data: { topic: 'n', payload: 1 },
    }),
  () =>
    act('message', 'mutation { publish(topic: "n", payload: 1) { id } }', {
      type: 'RoomMessage',
      data: { room: 'x', payload: 1 },
    }),
  () =>
    act('signal', 'mutation { setTyping(conversationId: "x", isTyping: true) }', {
      type: 'Typing',
      data: { conversation_id: 'x', is_typing: true },
    }),
  () =>
    act('signal', 'mutation { setPresence(status: AWAY) { status } }', {
      type: 'Presence',
      data: { status: 'AWAY' },
    }),
  () => act('reaction', 'mutation { removeReaction(messageId: "x", emoji: "👍") { id } }'),
  () => act('creation', 'mutation { openDirectConversation(userId: "friend-1") { id } }', null, 1),
  () =>
    act('creation', 'mutation { createConversation(input: {id: "direct:x"}) { id } }', {
      type: 'CreateRoom',
      data: { room: 'direct:x' },
    }),
  (named) => act('membership', `mutation { addMembers(id: "x", userIds: [${names(named)}]) { id } }`, null, named),
  () => act('membership', 'mutation { leaveConversation(id: "x") { id } }', { type: 'LeaveRoom', data: { room: 'x' } }),
  () => act('session', 'mutation { revokeSession(id: "x") { id } }'),
  () => act('session-creation', 'mutation { createSession(input: {deviceId: ""}) { refreshToken } }'),
  () => act('admin', 'mutation { deleteRoutingRule(id: "x") { id } }'),
  () => act('admin', 'mutation { deleteTopicPolicy(pattern: "x") { pattern } }'),
  () =>
    act(
      'rule-test',
      '{ testRoutingRule(input: {name: "x", match: {on: ["ROOM"]}, action: {drop: true}}, sample: {}) { __typename } }',
    ),
];

/** A few of them: those who do the same come to the end of a rate. */
export function randomPalette(random: Random): (() => Act)[] {
  return [0, 1].map(() => {
    const make = pick(random, ACTS);
    return () => make(Math.floor(random() * 30));
  });
}
