/** Hive Router's side: multipart before SSE, WebSocket with headers as keys, and its strict callback endpoint. */
import { type CallbackMessage, startCallbackRouter, subscribeByCallback } from '../support/callback-router.ts';
import { eventually } from '../support/eventually.ts';
import { openStream } from '../support/http-stream.ts';
import { newId, startTestService, type TestService } from '../support/service.ts';
import { openSocket } from '../support/socket.ts';

const QUERY = 'subscription ($ids: [ID!]) { messageReceived(conversationIds: $ids) { content } }';

/** Its endpoint: the protocol header on every message, 204 for whatever it takes. */
function strict({ headers, body }: CallbackMessage): number {
  const isWell = headers['subscription-protocol'] === 'callback/1.0' && body?.kind === 'subscription';
  return isWell && body.verifier === 'verifier' ? 204 : 400;
}

describe('Hive Router', () => {
  let service: TestService;
  let id: string;
  const router = startCallbackRouter(strict);
  beforeAll(async () => {
    service = await startTestService({ env: { CALLBACK_ALLOWED_URLS: (await router).url } });
    id = newId();
    await service.query('alice', 'mutation ($id: ID!) { createConversation(input: { id: $id }) { id } }', { id });
  });
  afterAll(async () => {
    await service.close();
    await (await router).close();
  });
  const send = (content: string) =>
    service.query('alice', 'mutation ($i: SendMessageInput!) { sendMessage(input: $i) { id } }', {
      i: { conversationId: id, content },
    });
  const body = () => ({ query: QUERY, variables: { ids: [id] } });

  it('HTTP: requests multipart or SSE, and reads the parts by the declared boundary', async () => {
    const accept = 'multipart/mixed;subscriptionSpec="1.0", text/event-stream';
    const stream = await openStream(service, await service.token('alice'), body(), { accept });
    const [, boundary] = /boundary="?([^";]+)"?/.exec(stream.headers.get('content-type') ?? '') ?? [];
    await send('in a part');
    await eventually(() => {
      const parts = stream.text.split(`\r\n--${boundary}`).slice(1, -1);
      const bodies = parts.map((part) => JSON.parse(part.split('\r\n\r\n')[1] ?? ''));
      expect(bodies).toEqual([{}, { payload: { data: { messageReceived: { content: 'in a part' } } } }]);
    });
    stream.stop();
  });

  it('WebSocket: propagated headers as keys of connection_init; numeric ids; control pings', async () => {
    const socket = await openSocket(service.wsUrl, ['graphql-transport-ws']);
    let pongs = 0;
    socket.socket.on('pong', () => {
      pongs += 1;
    });
    socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${await service.token('alice')}` } });
    await socket.frame(0);
    socket.socket.ping();
    socket.send({ id: '1', type: 'subscribe', payload: body() });
    socket.send({ type: 'ping' });
    await socket.frame(1);
    await send('by number');
    expect(await socket.frame(2)).toMatchObject({ id: '1', type: 'next' });
    expect(pongs).toBe(1);
    socket.socket.terminate();
  });

  it('callback: every message carries the protocol, and a check comes within the interval', async () => {
    const { url, of } = await router;
    const subscription = {
      callbackUrl: `${url}/callback/7`,
      subscriptionId: '7',
      verifier: 'verifier',
      heartbeatIntervalMs: 5_000,
    };
    const response = await subscribeByCallback(service.url, await service.token('alice'), body(), subscription);
    expect(await response.json()).toEqual({ data: null });
    await send('strictly');
    await eventually(() => expect(of('next', '7')).toHaveLength(1));
    service.clock.advance(5_000);
    await eventually(() => expect(of('check', '7').length).toBeGreaterThan(1));
  });
});
