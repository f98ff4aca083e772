/** Events for a raw client of conversations whose log cannot replay what it missed. */
import { type Nodes, startNodes } from '../../support/nodes.ts';
import { connectRaw } from '../../support/raw-client.ts';
import { type Data, newId } from '../../support/service.ts';

const RETENTION = 3;
const CONVERSATIONS = 10;

describe.each(['embedded', 'redis'] as const)('raw inbox with expired positions, %s', (setting) => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await startNodes(setting, { MESSAGE_RETENTION: String(RETENTION) });
  });
  afterAll(() => nodes.close());

  const send = (conversationId: string, content: string): Promise<Data> =>
    nodes.here.query(
      'owner',
      'mutation ($id: ID!, $content: String!) { sendMessage(input: {conversationId: $id, content: $content}) { id } }',
      { id: conversationId, content },
    );

  it('G06: a client that gets POSITION_EXPIRED and reads receives all later messages', async () => {
    const reader = newId();
    const ids = Array.from({ length: CONVERSATIONS }, () => newId());
    for (const id of ids) {
      await nodes.here.query(
        'owner',
        `mutation { createConversation(input: {id: "${id}", memberIds: ["${reader}"]}) { id } }`,
      );
    }
    const before = await connectRaw(nodes.there, reader);
    for (const id of ids) await send(id, 'read');
    await before.received('RoomMessage', CONVERSATIONS);
    await before.close();
    for (const id of ids) for (let n = 0; n <= RETENTION; n += 1) await send(id, 'missed');

    const after = await connectRaw(nodes.there, reader);
    const [first] = await after.received('Error', 1);
    expect(first).toMatchObject({ code: 'POSITION_EXPIRED', reason: 'RETENTION' });
    await Promise.all(ids.map((id) => send(id, 'heard')));
    const heard = (await after.received('RoomMessage', CONVERSATIONS)).map(({ room, payload }) => [room, payload]);
    expect(heard.toSorted()).toEqual(ids.map((id) => [id, 'heard']).toSorted());
    expect(
      after
        .of('Error')
        .map(({ conversation_id }) => conversation_id)
        .toSorted(),
    ).toEqual(ids.toSorted());
    await after.close();
  });
});
