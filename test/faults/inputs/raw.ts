/** Violations of the protocol of `/ws`, and input that it refuses (R89 to R100). */
import { LIMITS } from '../../../src/limits.ts';
import { connectRaw, type RawClient } from '../../support/raw-client.ts';
import { newId } from '../../support/service.ts';
import { openSocket } from '../../support/socket.ts';
import { OPCODES } from '../../support/tcp-web-socket.ts';
import { BAD_FRAMES } from '../../transport/raw/bad-frames.ts';
import { post } from '../load.ts';
import { openBoth } from './frames.ts';
import { type BadInput, input, type Target } from './input.ts';
import { lastSequence, makePlace } from './messages.ts';
import { codesBy, everywhere } from './ways.ts';

/** What a connected client of somebody new is answered. */
async function asked(target: Target, type: string, data: unknown): Promise<string> {
  const client = await connectRaw(target, newId());
  const answer = await client.ask(type, data);
  await client.close();
  return answer.type === 'Error' ? answer.data.code : answer.type;
}

/** All of them on one socket, one after the other. */
async function badFrames(target: Target): Promise<unknown> {
  await post(
    target.url,
    await target.token('bob'),
    'mutation { createConversation(input: {id: "group-of-bob"}) { id } }',
    {},
  );
  const codes: unknown[] = [];
  let client: RawClient | null = null;
  for (const [name, frame] of BAD_FRAMES) {
    // A socket of its own for each few: the rates are those of every client.
    if (codes.length % 5 === 0) {
      await client?.close();
      client = await connectRaw(target, 'alice');
    }
    const before = client?.frames.length ?? 0;
    client?.send(frame);
    const answer = await client?.frame(before);
    codes.push([name, answer.type === 'Error' ? answer.data.code : answer.type]);
  }
  await client?.close();
  return codes;
}

async function flood(target: Target): Promise<number[]> {
  const both = await openBoth(target);
  const tiny = { opcode: OPCODES.text, payload: '1' };
  for (const { send } of both) send(...Array(100_000).fill(tiny));
  return Promise.all(both.map(({ closed }) => closed));
}

async function acrossTenants(target: Target): Promise<unknown> {
  const [ann, ben, room] = [newId(), newId(), newId()];
  const [mine, theirs] = [await connectRaw(target, ann), await connectRaw(target, ben, { tenant: 'other' })];
  await theirs.ask('CreateRoom', { room });
  const codes: string[] = [];
  for (const [type, data] of [
    ['JoinRoom', { room }],
    ['RoomMessage', { room, payload: 1 }],
    ['Typing', { conversation_id: room, is_typing: true }],
  ] as const)
    codes.push((await mine.ask(type, data)).data.code);
  // In their own tenant that user is another one.
  await mine.ask('DirectMessage', { target_user: ben, payload: 1 });
  await theirs.ask('Ping');
  const heard = theirs.of('DirectMessage').length;
  await Promise.all([mine.close(), theirs.close()]);
  return [...codes, heard];
}

async function rooms(target: Target): Promise<unknown> {
  const [ann, room] = [newId(), newId()];
  const client = await connectRaw(target, ann);
  const first = await client.ask('CreateRoom', { room });
  const again = await client.ask('JoinRoom', { room });
  const left = await client.ask('LeaveRoom', { room });
  const leftAgain = await client.ask('LeaveRoom', { room });
  await client.close();
  return [first.data.members.length, again.data.members.length, left.data.status, leftAgain.data.code];
}

/** Who a message is from, when the frame says that it is somebody else's. */
async function forge(target: Target): Promise<unknown> {
  const [ann, ben] = [newId(), newId()];
  const [forger, receiver] = [await connectRaw(target, ann), await connectRaw(target, ben)];
  const forged = { sender_id: 'admin', message_id: 'x', sequence: 9, timestamp: '2000-01-01T00:00:00.000Z' };
  await forger.ask('DirectMessage', { target_user: ben, payload: 1, ...forged });
  const [message] = await receiver.received('DirectMessage', 1);
  const types: string[] = [];
  for (const type of ['Status', 'Error', 'Pong']) types.push((await forger.ask(type, forged)).data.code);
  await Promise.all([forger.close(), receiver.close()]);
  return [message.sender_id === ann, message.sequence, message.timestamp > '2020', ...types];
}

/** Reads nothing and says by made-up pongs that it did; the next to come is given the message all the same. */
async function forgedPongs(target: Target): Promise<number> {
  const [ann, ben] = [newId(), newId()];
  const [graphql, raw] = await openBoth(target, ben);
  graphql.socket.destroy();
  raw.socket.pause();
  const sender = await connectRaw(target, ann);
  for (const payload of ['0', '2', '1000', '-1', 'x']) raw.send({ opcode: OPCODES.pong, payload });
  await sender.ask('DirectMessage', { target_user: ben, payload: 1 });
  raw.socket.destroy();
  const next = await connectRaw(target, ben);
  const received = await next.received('DirectMessage', 1);
  await Promise.all([sender.close(), next.close()]);
  return received.length;
}

const MARK = 'mutation ($id: ID!, $n: Int!) { markRead(conversationId: $id, sequence: $n) { unreadMessageCount } }';

async function marks(target: Target): Promise<unknown> {
  const place = await makePlace(target);
  const mark = (n: number) =>
    codesBy(target, { query: MARK, variables: { id: place.id, n } }, { userId: place.userId });
  return [await mark(1), await mark(-1), await lastSequence(target, place)];
}

/** Says it is the device of somebody else, or is none. */
async function devices(target: Target): Promise<unknown> {
  const [ann, ben, cid] = [newId(), newId(), newId()];
  const victim = await connectRaw(target, ann, {}, `&device_id=${ann}-phone`);
  const sender = await connectRaw(target, ben);
  await victim.close();
  await sender.ask('DirectMessage', { target_user: ann, payload: 1 });
  const thief = await connectRaw(target, cid, {}, `&device_id=${ann}-phone`);
  await thief.ask('Ping');
  const { resumed } = thief.frames[0].data;
  const heard = thief.of('DirectMessage').length;
  await Promise.all([sender.close(), thief.close()]);
  return [resumed, heard];
}

const SET_PRESENCE = 'mutation ($text: String) { setPresence(status: BUSY, statusText: $text) { status } }';

async function binary(target: Target): Promise<unknown> {
  const [graphql, raw] = await openBoth(target);
  const frame = { opcode: OPCODES.binary, payload: Buffer.from([0xff]) };
  graphql.send(frame);
  raw.send(frame);
  const { type, data } = JSON.parse(await raw.text(1));
  raw.socket.destroy();
  return [await graphql.closed, type, data.code];
}

async function typeOnAndOn(target: Target): Promise<unknown> {
  const { userId, id } = await makePlace(target);
  const client = await connectRaw(target, userId);
  const frame = { type: 'Typing', data: { conversation_id: id, is_typing: true } };
  // In two halves: a socket may send as many frames ahead, and no more.
  for (let half = 0; half < 2; half += 1) {
    for (let n = 0; n < LIMITS.queuedFrames / 2; n += 1) client.send(frame);
    // Frames are handled in order.
    await client.ask('Ping', {});
  }
  const errors = client.of('Error').length;
  await client.close();
  return errors;
}

export const RAW: readonly BadInput[] = [
  input(
    'R89, R93, R94, R98: types there are not, what one may not, what servers send, too much: an error each',
    BAD_FRAMES.map(([name, , code]) => [name, code]),
    badFrames,
  ),
  input(
    'R90: 100,000 tiny frames at once: 4400 where they are no protocol, 4429 where they are answered',
    [4400, 4429],
    flood,
  ),
  input(
    'R91: users and rooms of another tenant: NOT_FOUND, and nothing is heard there',
    ['NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND', 0],
    acrossTenants,
  ),
  input('R92: a room joined twice is joined once; left twice: NOT_FOUND', [1, 1, 'left', 'NOT_FOUND'], rooms),
  input(
    'R94: a message that says who sent it, when and as what: it is the caller’s',
    [true, 1, true, ...Array(3).fill('BAD_USER_INPUT')],
    forge,
  ),
  input('R95: a heartbeat of the year 3000: answered like any other', 'Pong', (target) =>
    asked(target, 'Ping', { timestamp: '3000-01-01T00:00:00.000Z', server_time: 32_503_680_000_000 }),
  ),
  input('R96: pongs of pings that were never sent: nothing counts as read', 1, forgedPongs),
  input(
    'R96: read past the end, or before the beginning: BAD_USER_INPUT, by each way',
    [everywhere('BAD_USER_INPUT'), everywhere('BAD_USER_INPUT'), 0],
    marks,
  ),
  input('R97: the device of another user: nothing of theirs is resumed', [false, 0], devices),
  input('R98: words of 10 KB beside a status: BAD_USER_INPUT, by each way', everywhere('BAD_USER_INPUT'), (target) =>
    codesBy(target, { query: SET_PRESENCE, variables: { text: 'x'.repeat(10_000) } }),
  ),
  input('R98: a status of 10 KB: BAD_USER_INPUT', 'BAD_USER_INPUT', (target) =>
    asked(target, 'Presence', { status: 'x'.repeat(10_000) }),
  ),
  input('R98: a device whose id is 10 KB, or none: 4400', [4400, 4400], async (target) => {
    const token = await target.token(newId());
    const closes = ['x'.repeat(10_000), '{}*'].map(async (id) => {
      const url = `${target.rawUrl}?token=${token}&device_id=${encodeURIComponent(id)}`;
      return (await openSocket(url, [])).closed;
    });
    return Promise.all(closes);
  }),
  input('R99: a thousand starts of typing: applied as the rate allows, the socket goes on', 0, typeOnAndOn),
  input('R100: binary frames: 4400 on /graphql, an error on /ws', [4400, 'Error', 'BAD_USER_INPUT'], binary),
];
