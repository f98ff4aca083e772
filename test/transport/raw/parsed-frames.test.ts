/** Frames of the raw protocol as they are parsed and counted, and what is said of those that are refused. */
import { badInput } from '../../../src/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { Meter } from '../../../src/model.ts';
import { type DATA, type Frame, FrameError, inWordsOf, parseFrame } from '../../../src/transport/raw/frames.ts';
import { meterFrame, peopleIn } from '../../../src/transport/raw/metering.ts';

describe('what a frame counts against', () => {
  const counted = (frame: Frame): string[] => {
    const told: string[] = [];
    const meter = {
      count: (change: string, people: number) => void told.push(`${change} ${people}`),
      subscribe: () => void told.push('subscription'),
    };
    meterFrame(frame, meter as unknown as Meter);
    return told;
  };
  const of = (type: keyof typeof DATA, data: object = {}): Frame => ({ type, data }) as unknown as Frame;

  it.each([
    [of('Subscribe'), ['subscription']],
    [of('Unsubscribe'), []],
    [of('Broadcast'), ['message 0']],
    [of('CreateRoom', { member_ids: ['a', 'b'] }), ['creation 2']],
    [of('CreateRoom'), ['creation 0']],
    [of('JoinRoom', { member_ids: ['a'] }), ['membership 0']],
    [of('AppendMessage'), ['append 0']],
    [of('Typing'), []],
    [of('Presence', { status: 'AWAY' }), []],
    [of('Presence', { watch: ['a'] }), ['subscription']],
    [of('Presence', { status: null, watch: ['a'] }), ['subscription']],
    [of('Ping'), []],
  ])('%j: %j', (frame, told) => {
    expect(counted(frame)).toEqual(told);
  });

  it('is in addition the people of a new room', () => {
    expect(peopleIn(of('CreateRoom', { member_ids: null }))).toBe(0);
  });
});

describe('a frame', () => {
  const parsed = (frame: unknown): unknown => {
    try {
      return parseFrame(typeof frame === 'string' ? frame : JSON.stringify(frame));
    } catch (error) {
      return error instanceof FrameError ? [error.message, error.frameId] : error;
    }
  };

  it('has a type, an id that comes back, and the fields of its type', () => {
    expect(parsed({ type: 'JoinRoom', id: '7', data: { room: 'r', more: 1 } })).toEqual({
      id: '7',
      frame: { type: 'JoinRoom', data: { room: 'r' } },
    });
    expect(parsed({ type: 'Ping', id: null })).toMatchObject({ id: null, frame: { type: 'Ping' } });
    const id = 'x'.repeat(LIMITS.idCharacters);
    expect(parsed({ type: 'Ping', id })).toMatchObject({ id });
  });

  it.each([
    ['{', 'A frame must be a JSON object.', null],
    ['7', 'A frame must be a JSON object.', null],
    ['null', 'A frame must be a JSON object.', null],
    ['[]', 'A frame must be a JSON object.', null],
    [{ type: 'Ping', id: 7 }, /^id: must be/, null],
    [{ type: 'Ping', id: 'x'.repeat(LIMITS.idCharacters + 1) }, /^id: must be/, null],
    [{ type: 'toString', id: 'a' }, /^type: must be one of Subscribe, /, 'a'],
    [{ type: 7, id: 'a' }, /^type: must be one of /, 'a'],
    [{ id: 'a' }, /^type: must be one of /, 'a'],
    [{ type: 'JoinRoom', id: 'a' }, /^data: /, 'a'],
    [{ type: 'JoinRoom', id: 'a', data: { room: 7 } }, 'data.room: must be of type string.', 'a'],
    [{ type: 'Subscribe', id: 'a', data: { topics: ['b', 7] } }, 'data.topics: must be an array of strings.', 'a'],
    [{ type: 'Presence', id: 'a', data: {} }, 'data: must have either status or watch.', 'a'],
    [{ type: 'Presence', data: { status: 'AWAY', watch: [] } }, 'data: must have either status or watch.', null],
    [{ type: 'Presence', data: { watch: [], status_text: 'x' } }, /^data: status_text can be given only/, null],
    [
      { type: 'DirectMessage', data: { target_user: 'b', on_behalf_of: 'c' } },
      'data.on_behalf_of: must be left out: RoomMessage and StartMessage have it.',
      null,
    ],
    ['{"type":"Ping","id":"a","n":1e999}', /./, 'a'],
  ])('%j is refused', (frame, message, id) => {
    expect(parsed(frame)).toEqual([typeof message === 'string' ? message : expect.stringMatching(message), id]);
  });

  it.each([
    ['DirectMessage', 'userId', 'target_user'],
    ['CreateRoom', 'id', 'room'],
    ['CreateRoom', 'memberIds', 'member_ids'],
    ['JoinRoom', 'id', 'room'],
    ['LeaveRoom', 'id', 'room'],
    ['RoomMessage', 'conversationId', 'room'],
    ['RoomMessage', 'clientMessageId', 'client_message_id'],
    ['StartMessage', 'conversationId', 'conversation_id'],
    ['StopMessage', 'id', 'id'],
    ['Typing', 'conversationId', 'conversation_id'],
    ['Presence', 'userIds', 'watch'],
    ['Presence', 'statusText', 'status_text'],
    ['Resume', 'after', 'positions'],
  ] as const)('%s: an error about the argument %s names the field %s', (type, argument, field) => {
    expect(inWordsOf(type, `${argument}: must be an id.`)).toBe(`${field}: must be an id.`);
  });

  it('has an error with its code and the id of the frame; words inside the message stay', () => {
    const message = 'A message needs clientMessageId: or not.';
    expect(inWordsOf('RoomMessage', message)).toBe(message);
    expect(new FrameError(badInput('x'), 'a')).toMatchObject({ code: 'BAD_USER_INPUT', frameId: 'a' });
  });
});
