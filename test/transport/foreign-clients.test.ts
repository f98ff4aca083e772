/**
 * Clients of other languages, replayed byte for byte: their requests are accepted, and their readers receive every
 * event.
 */
import { connect } from 'node:net';
import { LIMITS } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { HANDSHAKES, POSTS, readByAll } from '../support/foreign-clients.ts';
import { connectRaw } from '../support/raw-client.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';
import { openSocket } from '../support/socket.ts';
import { OPCODES, openTcpWebSocket } from '../support/tcp-web-socket.ts';

const QUERY = 'subscription ($ids: [ID!]) { messageReceived(conversationIds: $ids) { content } }';

describe('clients of other languages', () => {
  let service: TestService;
  let id: string;
  beforeAll(async () => {
    service = await startTestService();
  });
  beforeEach(async () => {
    id = newId();
    await service.query('ann', `mutation { createConversation(input: {id: "${id}"}) { id } }`);
  });
  afterAll(() => service.close());

  const send = async (content: string): Promise<void> => {
    const text = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id } }';
    await service.query('ann', text, { input: { conversationId: id, content } });
  };
  async function fill(template: string, body = ''): Promise<string> {
    const values: Record<string, string> = {
      HOST: `127.0.0.1:${service.service.port}`,
      TOKEN: await service.token('ann'),
      LENGTH: String(Buffer.byteLength(body)),
    };
    return template.replace(/\$(HOST|TOKEN|LENGTH)/g, (_, name: string) => values[name] ?? '') + body;
  }
  const EVENTS = ['one', 'two'].map((content) => ({ data: { messageReceived: { content } } }));

  /** The chunks of a body (RFC 9112 section 7.1) that have come. */
  function chunksOf(body: string): string {
    const [, size = '', rest = ''] = /^([0-9a-f]+)\r\n(.*)$/s.exec(body) ?? [];
    const length = Number.parseInt(size, 16);
    return rest.length < length || !size ? '' : rest.slice(0, length) + chunksOf(rest.slice(length + 2));
  }

  it.each(Object.entries(POSTS))('%s: a stream longer than a heartbeat', async (_, template) => {
    const socket = connect(service.service.port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
    });
    const body = JSON.stringify({ query: QUERY, variables: { ids: [id] } });
    socket.write(await fill(template, body));
    const bodyOf = (): string => chunksOf(answer.slice(answer.indexOf('\r\n\r\n') + 4));
    await eventually(() => expect(bodyOf()).toContain('retry'));
    // okhttp asks for this type, httpx-sse too; nobody asked for it packed.
    const [head = ''] = answer.split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(head).toMatch(/\r\ncontent-type: text\/event-stream; charset=utf-8/i);
    expect(head).not.toMatch(/content-encoding|upgrade:/i);
    await send('one');
    await eventually(() => expect(bodyOf()).toContain('"one"'));
    const before = bodyOf().length;
    service.clock.advance(4_000);
    await eventually(() => expect(bodyOf().length).toBeGreaterThan(before));
    await send('two');
    await eventually(() => expect(bodyOf()).toContain('"two"'));
    for (const heard of readByAll(bodyOf()))
      expect(heard).toEqual({ reader: heard.reader, events: EVENTS, isOver: false });
    socket.destroy();
  });

  it.each(Object.entries(HANDSHAKES))('%s: a WebSocket', async (_, template) => {
    const handshake = await fill(template);
    const socket = await openTcpWebSocket(service.service.port, '/graphql', 'graphql-transport-ws', handshake);
    const say = (frame: object): void => socket.send({ opcode: OPCODES.text, payload: JSON.stringify(frame) });
    say({ type: 'connection_init', payload: { Authorization: `Bearer ${await service.token('ann')}` } });
    expect(JSON.parse(await socket.text(0))).toMatchObject({ type: 'connection_ack' });
    say({ id: '1', type: 'subscribe', payload: { query: QUERY, variables: { ids: [id] } } });
    say({ type: 'ping' });
    expect(JSON.parse(await socket.text(1))).toEqual({ type: 'pong' });
    for (const content of ['one', 'two']) await send(content);
    for (const [index, payload] of EVENTS.entries())
      expect(JSON.parse(await socket.text(index + 2))).toEqual({ id: '1', type: 'next', payload });
    socket.socket.destroy();
  });

  it('JSON with escaped non-ASCII characters, as Python writes it: the longest content is accepted', async () => {
    const content = '\u{1f389}'.repeat(LIMITS.contentCharacters);
    const escaped = (value: object): string =>
      JSON.stringify(value).replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
    const query = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { content } }';
    const asked = { query, variables: { input: { conversationId: id, content } } };
    const headers = { authorization: `Bearer ${await service.token('ann')}`, 'content-type': 'application/json' };
    const body = escaped(asked);
    expect(body.length).toBeGreaterThan(12 * LIMITS.contentCharacters);
    const answer = await fetch(`${service.url}/graphql`, { method: 'POST', headers, body });
    expect(await answer.json()).toEqual({ data: { sendMessage: { content } } });

    const socket = await openSocket(service.wsUrl, ['graphql-transport-ws']);
    socket.send({ type: 'connection_init', payload: { token: await service.token('ann') } });
    await socket.frame(0);
    socket.send(escaped({ id: '1', type: 'subscribe', payload: asked }));
    expect(await socket.frame(1)).toEqual({ id: '1', type: 'next', payload: { data: { sendMessage: { content } } } });
    socket.socket.terminate();

    const raw = await connectRaw(service, 'ann');
    raw.send(escaped({ type: 'RoomMessage', id: 'r', data: { room: id, payload: content } }));
    const replied = (): Data => raw.frames.find((frame) => frame.id === 'r');
    await eventually(() => expect(replied()).toBeDefined());
    expect(replied().type).not.toBe('Error');
    await raw.close();
    const { data } = await service.query('ann', `{ conversation(id: "${id}") { messages { nodes { content } } } }`);
    expect(data.conversation.messages.nodes).toEqual(Array(3).fill({ content }));
  });
});
