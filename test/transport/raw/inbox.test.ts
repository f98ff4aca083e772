/** Messages for a raw client that was away: all, in order, once. */
import { encodePosition } from '../../../src/domain/cursor.ts';
import type { ConversationId } from '../../../src/model.ts';
import { eventually } from '../../support/eventually.ts';
import { LONG_SETTINGS, type Nodes, startNodes } from '../../support/nodes.ts';
import { partsOfPosition } from '../../support/position.ts';
import { connectRaw } from '../../support/raw-client.ts';
import { type Data, newId } from '../../support/service.ts';

describe.each(LONG_SETTINGS)('raw inbox, %s', (setting) => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await startNodes(setting);
  });
  afterAll(() => nodes.close());

  const send = async (from: string, to: string, content: string): Promise<Data> => {
    const mutation = `mutation ($to: ID!, $content: String!) {
      sendDirectMessage(userId: $to, content: $content) { id position conversation { id } }
    }`;
    return (await nodes.here.query(from, mutation, { to, content })).data.sendDirectMessage;
  };
  const payloads = (messages: Data[]): Data[] => messages.map(({ payload }) => payload);

  it('G06: messages to a user who never connected are delivered at the first connection, unless read', async () => {
    const [ann, ben, cid] = [newId(), newId(), newId()];
    for (const content of ['1', '2', '3']) await send(ann, ben, content);
    const read = await send(cid, ben, 'read');
    await nodes.there.query(
      ben,
      `mutation { markRead(conversationId: "${read.conversation.id}", sequence: 1) { id } }`,
    );
    await send(cid, ben, 'unread');
    const client = await connectRaw(nodes.there, ben);
    expect(payloads(await client.received('DirectMessage', 4)).sort()).toEqual(['1', '2', '3', 'unread']);
    expect(payloads(client.of('DirectMessage').filter((each) => each.sender_id === ann))).toEqual(['1', '2', '3']);
    await client.ask('Ping');
    expect(client.of('DirectMessage')).toHaveLength(4);
    await client.close();
  });

  it('G06: messages sent while a session is away are delivered at its next connection, in order, once', async () => {
    const [ann, ben, cid] = [newId(), newId(), newId()];
    const expected: string[] = [];
    for (let visit = 0; visit < 4; visit += 1) {
      const client = await connectRaw(visit % 2 ? nodes.here : nodes.there, ben);
      expect(client.frames[0].data.resumed).toBe(visit > 0);
      expect(payloads(await client.received('DirectMessage', expected.length))).toEqual(expected);
      await send(ann, ben, `live ${visit}`);
      expect(payloads(await client.received('DirectMessage', expected.length + 1)).at(-1)).toBe(`live ${visit}`);
      await client.close();
      expected.length = 0;
      for (let n = 0; n < 3; n += 1) {
        await send(ann, ben, `${visit}.${n}`);
        expected.push(`${visit}.${n}`);
      }
      // A conversation that began while they were away.
      if (visit === 3) await send(cid, ben, 'new');
    }
    const last = await connectRaw(nodes.there, ben);
    expect(payloads(await last.received('DirectMessage', 4)).sort()).toEqual([...expected, 'new'].sort());
    const another = await connectRaw(nodes.there, ben, {}, '&device_id=tablet');
    expect(another.frames[0].data).toMatchObject({ session_id: 'tablet', resumed: false });
    await last.close();
    await another.close();
  });

  it('after a client vanished, only unconfirmed messages are sent again', async () => {
    const [ann, ben] = [newId(), newId()];
    const first = await connectRaw(nodes.there, ben);
    await send(ann, ben, 'confirmed');
    await first.received('DirectMessage', 1);
    await send(ann, ben, 'confirmed too');
    await first.received('DirectMessage', 2);
    /** What the next connection receives up to a message of now, without messages that looks were made with. */
    let looks = 0;
    const look = async (): Promise<unknown[]> => {
      looks += 1;
      const last = `look ${looks}`;
      // Connected first: another connection of the device may confirm the message at once.
      const next = await connectRaw(nodes.there, ben);
      await send(ann, ben, last);
      await eventually(() => expect(payloads(next.of('DirectMessage'))).toContain(last));
      next.socket.terminate();
      return payloads(next.of('DirectMessage')).filter((payload) => !String(payload).startsWith('look'));
    };
    // What is confirmed is stored behind its pong.
    await eventually(async () => expect(await look()).toEqual([]));
    first.socket.pause();
    await send(ann, ben, 'unread');
    first.socket.terminate();
    expect(await look()).toEqual(['unread']);
  });

  it('G06: Resume delivers everything past its positions; one that cannot be resumed changes nothing', async () => {
    const [ann, ben] = [newId(), newId()];
    const client = await connectRaw(nodes.there, ben);
    const sent: Data[] = [];
    for (let n = 0; n < 5; n += 1) sent.push(await send(ann, ben, `${n}`));
    await client.received('DirectMessage', 5);
    const answer = await client.ask('Resume', { positions: [sent[1].position] });
    expect(answer.data).toEqual({ status: 'resumed' });
    expect(payloads(await client.received('DirectMessage', 8)).slice(5)).toEqual(['2', '3', '4']);
    const [id, epoch] = partsOfPosition(sent[0].position);
    const position = (...parts: unknown[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url');
    const past = await client.ask('Resume', { positions: [position(id, epoch, 1_000)] });
    expect(past).toMatchObject({ type: 'Error', data: { code: 'POSITION_EXPIRED', reason: 'DIVERGED' } });
    const other = await client.ask('Resume', { positions: [position(id, 'another-life', 1)] });
    expect(other.data).toMatchObject({ code: 'POSITION_EXPIRED', reason: 'EPOCH' });
    expect((await client.ask('Resume', { positions: ['nonsense'] })).data.code).toBe('BAD_USER_INPUT');
    await send(ann, ben, 'live');
    expect(payloads(await client.received('DirectMessage', 9)).at(-1)).toBe('live');
    await client.ask('Ping');
    expect(client.of('DirectMessage')).toHaveLength(9);
    await client.close();
  });

  it('Resume accepts a thousand positions of the longest ids in one frame', async () => {
    const room = `${newId()}:${'r'.repeat(128)}`.slice(0, 128);
    const client = await connectRaw(nodes.there, newId());
    await client.ask('CreateRoom', { room });
    for (const payload of [1, 2, 3]) await client.ask('RoomMessage', { room, payload });
    const [{ position }] = await client.received('RoomMessage', 3);
    const others = Array.from({ length: 999 }, () =>
      encodePosition(`${newId()}${'x'.repeat(128)}`.slice(0, 128) as ConversationId, { epoch: 'another', place: 1 }),
    );
    expect((await client.ask('Resume', { positions: [...others, position] })).data).toEqual({ status: 'resumed' });
    expect(payloads(await client.received('RoomMessage', 5)).slice(3)).toEqual([2, 3]);
    await client.close();
  });

  it('Resume after a room was left continues in the others', async () => {
    const [ann, ben, room] = [newId(), newId(), newId()];
    const client = await connectRaw(nodes.there, ben);
    await client.ask('CreateRoom', { room });
    await client.ask('RoomMessage', { room, payload: 1 });
    const { position } = await send(ann, ben, '1');
    await client.received('DirectMessage', 1);
    await client.ask('LeaveRoom', { room });
    await send(ann, ben, '2');
    await client.received('DirectMessage', 2);
    expect((await client.ask('Resume', { positions: [position] })).data).toEqual({ status: 'resumed' });
    expect(payloads(await client.received('DirectMessage', 3)).at(-1)).toBe('2');
    await client.close();
  });

  it('Resume at a position of a foreign conversation delivers no typing events of it', async () => {
    const [ann, ben, cid] = [newId(), newId(), newId()];
    const { position, conversation } = await send(ann, ben, 'between the two');
    const typing = `mutation { setTyping(conversationId: "${conversation.id}", isTyping: true) }`;
    expect((await nodes.there.query(ann, typing)).data).toEqual({ setTyping: true });
    const [member, stranger] = [await connectRaw(nodes.there, ben), await connectRaw(nodes.there, cid)];
    expect(await member.received('Typing', 1)).toMatchObject([{ user_id: ann }]);
    expect((await stranger.ask('Resume', { positions: [position] })).data).toEqual({ status: 'resumed' });
    await send(ann, cid, 'for the third');
    await stranger.received('DirectMessage', 1);
    expect(stranger.of('Typing')).toEqual([]);
    await Promise.all([member.close(), stranger.close()]);
  });

  it('G05: everything arrives once and in order while ten write at once', async () => {
    const ben = newId();
    const writers = Array.from({ length: 10 }, () => newId());
    const client = await connectRaw(nodes.there, ben);
    await Promise.all(
      writers.map(async (writer) => {
        for (let n = 1; n <= 20; n += 1) await send(writer, ben, `${n}`);
      }),
    );
    const messages = await client.received('DirectMessage', 200);
    for (const writer of writers) {
      const own = messages.filter((each) => each.sender_id === writer);
      expect(own.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
    }
    await client.close();
  });
});
