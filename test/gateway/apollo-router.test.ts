/** Apollo Router's side of both its modes: passthrough over WebSocket, and HTTP callback. */
import { createHmac, randomUUID } from 'node:crypto';
import { type CallbackRouter, startCallbackRouter } from '../support/callback-router.ts';
import { eventually } from '../support/eventually.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';
import { openSocket, type RawSocket } from '../support/socket.ts';

const QUERY = `subscription Rt__realtime__0($ids: [ID!]) {
  messageReceived(conversationIds: $ids) { content user { __typename id } }
}`;

describe('Apollo Router', () => {
  let router: CallbackRouter;
  let service: TestService;
  let id: string;
  beforeAll(async () => {
    router = await startCallbackRouter();
    service = await startTestService({ env: { CALLBACK_ALLOWED_URLS: router.url } });
    id = newId();
    await service.query('alice', 'mutation ($id: ID!) { createConversation(input: { id: $id }) { id } }', { id });
  });
  afterAll(async () => {
    await service.close();
    await router.close();
  });
  const send = (content: string) =>
    service.query('alice', 'mutation ($i: SendMessageInput!) { sendMessage(input: $i) { id } }', {
      i: { conversationId: id, content },
    });
  /** It hashes the subscription for an operation id: 64 hex digits. */
  const operationId = 'a1'.repeat(32);

  async function passthrough(): Promise<RawSocket> {
    const socket = await openSocket(service.wsUrl, ['graphql-transport-ws'], {
      traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
    });
    expect(socket.socket.protocol).toBe('graphql-transport-ws');
    const token = `Bearer ${await service.token('alice')}`;
    socket.send({ type: 'connection_init', payload: { connectionParams: { token } } });
    expect(await socket.frame(0)).toMatchObject({ type: 'connection_ack' });
    return socket;
  }

  it('passthrough: its nested connection_init, its ids, its pings; entities in the form it requests', async () => {
    const socket = await passthrough();
    socket.send({ type: 'ping' });
    expect(await socket.frame(1)).toEqual({ type: 'pong' });
    const payload = { query: QUERY, operationName: 'Rt__realtime__0', variables: { ids: [id] } };
    socket.send({ id: operationId, type: 'subscribe', payload });
    socket.send({ type: 'ping' });
    await socket.frame(2);
    await send('through the router');
    expect(await socket.frame(3)).toEqual({
      id: operationId,
      type: 'next',
      payload: {
        data: { messageReceived: { content: 'through the router', user: { __typename: 'User', id: 'alice' } } },
      },
    });
    socket.send({ id: operationId, type: 'complete' });
    socket.send({ type: 'ping' });
    await socket.frame(4);
    await send('after complete');
    socket.send({ type: 'ping' });
    expect((await socket.frame(5)).type).toBe('pong');
    socket.socket.terminate();
  });

  it('passthrough: a drain never closes with 1000, which the router treats as completion', async () => {
    const draining = await startTestService();
    const socket = await openSocket(draining.wsUrl, ['graphql-transport-ws']);
    socket.send({ type: 'connection_init', payload: { connectionParams: { token: await draining.token('alice') } } });
    await socket.frame(0);
    socket.send({ id: operationId, type: 'subscribe', payload: { query: 'subscription { messageReceived { id } }' } });
    socket.send({ type: 'ping' });
    await socket.frame(1);
    await draining.close();
    expect(await socket.closed).toBe(1012);
    expect(socket.frames.map(({ type }) => type)).not.toContain('complete');
  });

  it('callback: its verifier, its appended Accept, the id in the path, answers 204, 200 and 202', async () => {
    const subscriptionId = randomUUID();
    const verifier = createHmac('sha256', randomUUID()).update(subscriptionId).digest('hex');
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, application/graphql-response+json, application/json;callbackSpec=1.0',
        authorization: `Bearer ${await service.token('alice')}`,
      },
      body: JSON.stringify({
        query: QUERY,
        operationName: 'Rt__realtime__0',
        variables: { ids: [id] },
        extensions: {
          subscription: {
            callbackUrl: `${router.url}/callback/${subscriptionId}`,
            subscriptionId,
            verifier,
            heartbeatIntervalMs: 5_000,
          },
        },
      }),
    });
    expect([response.status, await response.json()]).toEqual([200, { data: null }]);
    await send('called back');
    const [next] = await eventually<Data[]>(() => {
      const all = router.of('next', subscriptionId);
      if (all.length === 0) throw new Error('Nothing yet.');
      return all;
    });
    expect(next).toEqual({
      kind: 'subscription',
      action: 'next',
      id: subscriptionId,
      verifier,
      payload: { data: { messageReceived: { content: 'called back', user: { __typename: 'User', id: 'alice' } } } },
    });
    router.answer = () => 404;
    await send('to nobody');
    await eventually(async () => {
      const text = await (await fetch(`${service.url}/metrics`)).text();
      expect(text).toMatch(/^realtime_connections\{transport="callback"\} 0$/m);
    });
  });
});
