/** Cosmo Router's side: WebSocket with either subprotocol, and SSE by GET and POST. */
import { eventually } from '../support/eventually.ts';
import { openStream } from '../support/http-stream.ts';
import { newId, startTestService, type TestService } from '../support/service.ts';
import { openSocket } from '../support/socket.ts';

const QUERY = 'subscription ($ids: [ID!]) { messageReceived(conversationIds: $ids) { content } }';

interface SseEvent {
  readonly event: string;
  readonly data: string;
}

/** Reads a stream as Cosmo does: lines, comments skipped, an event that has no data is the end. */
function eventsOf(text: string): SseEvent[] {
  return (
    text
      .split('\n\n')
      // What follows the last blank line is no event yet.
      .slice(0, -1)
      .map((block) => block.split('\n').filter((line) => line !== '' && !line.startsWith(':')))
      .filter((lines) => lines.length > 0)
      .map((lines) => {
        const value = (name: string): string =>
          lines.flatMap((line) => (line.startsWith(`${name}:`) ? [line.slice(name.length + 1).trim()] : [])).join('\n');
        return { event: value('event'), data: value('data') };
      })
  );
}

describe('Cosmo Router', () => {
  let service: TestService;
  let id: string;
  beforeAll(async () => {
    service = await startTestService();
    id = newId();
    await service.query('alice', 'mutation ($id: ID!) { createConversation(input: { id: $id }) { id } }', { id });
  });
  afterAll(() => service.close());
  const send = (content: string) =>
    service.query('alice', 'mutation ($i: SendMessageInput!) { sendMessage(input: $i) { id } }', {
      i: { conversationId: id, content },
    });

  it('ws: offers both subprotocols, needs one back, forwards the client’s init, and shares one socket', async () => {
    const socket = await openSocket(service.wsUrl, ['graphql-transport-ws', 'graphql-ws']);
    expect(socket.socket.protocol).toBe('graphql-transport-ws');
    socket.send({ type: 'connection_init', payload: { Authorization: `Bearer ${await service.token('alice')}` } });
    await socket.frame(0);
    // Its ids are xids; the client's extensions come with each operation.
    const ids = ['d1b8vkc3v2n0a0e4q7ag', 'd1b8vkc3v2n0a0e4q7b0'];
    for (const each of ids) {
      const payload = { query: QUERY, variables: { ids: [id] }, extensions: { anything: true } };
      socket.send({ id: each, type: 'subscribe', payload });
    }
    socket.send({ type: 'ping' });
    expect((await socket.frame(1)).type).toBe('pong');
    await send('to both');
    const got = [await socket.frame(2), await socket.frame(3)];
    expect(got.map((frame) => frame.id).sort()).toEqual(ids);
    socket.socket.terminate();
  });

  it('sse: a GET with everything in the query', async () => {
    const variables = JSON.stringify({ ids: [id] });
    const search = new URLSearchParams({ query: QUERY, variables });
    const abort = new AbortController();
    const response = await fetch(`${service.url}/graphql?${search}`, {
      headers: { accept: 'text/event-stream', authorization: `Bearer ${await service.token('alice')}` },
      signal: abort.signal,
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await send('by GET');
    let text = '';
    await eventually(async () => {
      text += new TextDecoder().decode((await reader.read()).value);
      expect(eventsOf(text)).toEqual([{ event: 'next', data: '{"data":{"messageReceived":{"content":"by GET"}}}' }]);
    });
    abort.abort();
  });

  it('sse_post: keep-alives are not events; the end is an event without data', async () => {
    const token = await service.token('alice');
    const body = { query: QUERY, variables: { ids: [id] } };
    const stream = await openStream(service, token, body, { accept: 'text/event-stream' });
    service.clock.advance(1_000);
    service.clock.advance(13_000);
    await eventually(() => expect(stream.text.split(/^:$/m).length).toBeGreaterThan(2));
    expect(eventsOf(stream.text)).toEqual([]);
    service.clock.advance(3_700_000);
    await eventually(() => expect(stream.end).toBe('whole'));
    expect(eventsOf(stream.text).at(-1)).toEqual({ event: 'complete', data: '' });
  });
});
