/** The client where sockets do not open, or open and do not answer: server-sent events and single requests over HTTP. */
import { memoryStorage, type Realtime } from '../../client/src/index.ts';
import { Transports } from '../../client/src/transports.ts';
import { createConversation, send, user } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { newId, startTestService, type TestService } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { clientsOf, contentsOf, live, shows } from './clients.ts';

const SEND_MARK = 'mutation Send';
const DEVICES = 'query ($id: ID!) { presence(userIds: [$id]) { devices { connectionType } } }';

/** A network that lets no socket through. */
class Refused extends WebSocket {
  static tries = 0;

  constructor(_url: string, protocols: string) {
    super('ws://127.0.0.1:1/', protocols);
    Refused.tries += 1;
  }
}

/** Sockets that carry everything but messages, until they are let go. */
function withholding() {
  const held: (() => void)[] = [];
  let isHolding = true;
  let requests = 0;
  class Withholding extends WebSocket {
    override send(data: string): void {
      if (data.includes('"type":"subscribe"')) requests += 1;
      if (isHolding && data.includes(SEND_MARK)) held.push(() => super.send(data));
      else super.send(data);
    }
  }
  return {
    webSocket: Withholding,
    held,
    requests: () => requests,
    release() {
      isHolding = false;
      for (const release of held) release();
    },
  };
}

describe('the client', () => {
  let service: TestService;
  let proxy: TcpProxy;
  let alice: string;
  let bob: string;
  let id: string;
  const clients = clientsOf(() => service);
  const throughProxy = () => ({ url: `http://127.0.0.1:${proxy.port}/graphql` });
  const typesOf = async (userId: string): Promise<string[]> => {
    const { data } = await service.query(bob, DEVICES, { id: userId });
    return data.presence[0].devices.map(({ connectionType }: { connectionType: string }) => connectionType);
  };

  beforeAll(async () => {
    service = await startTestService();
    proxy = await startTcpProxy(service.service.port);
  });
  beforeEach(async () => {
    [alice, bob] = [`alice-${newId()}`, `bob-${newId()}`];
    ({ id } = await createConversation(user(service, alice), { memberIds: [bob] }));
  });
  afterEach(() => clients.close());
  afterAll(async () => {
    await proxy.close();
    await service.close();
  });
  const stored = async (): Promise<string[]> => {
    const query = 'query ($id: ID!) { conversation(id: $id) { messages(last: 50) { nodes { content } } } }';
    const { data } = await service.query(bob, query, { id });
    return data.conversation.messages.nodes.map(({ content }: { content: string }) => content);
  };

  async function holdsWithoutSockets(chat: Realtime): Promise<void> {
    await shows(chat, id, []);
    expect(await typesOf(alice)).toEqual(['SSE']);
    await chat.conversation(id).send('by HTTP');
    await shows(chat, id, ['by HTTP']);
    await send(user(service, bob), id, 'live');
    await shows(chat, id, ['by HTTP', 'live']);
    const presence = chat.presence(bob);
    const stop = presence.subscribe(() => undefined);
    await eventually(() => expect(presence.value?.status).toBe('OFFLINE'));
    proxy.redirect(1);
    await eventually(() => expect(chat.status.value).toBe('offline'));
    await chat.conversation(id).send('waits');
    await send(user(service, bob), id, 'missed');
    proxy.redirect(service.service.port);
    await shows(chat, id, ['by HTTP', 'live', 'missed', 'waits']);
    stop();
  }

  it('server-sent events suffice: it sends, receives, resumes after a disconnect and an expired token', async () => {
    const reasons: string[] = [];
    const getToken = async ({ reason }: { reason: string }) => {
      reasons.push(reason);
      return service.token(alice, { expiresAt: service.clock.now() / 1_000 + 60 });
    };
    const chat = await live(clients.of(alice, { transport: 'sse', getToken, ...throughProxy() }));
    await holdsWithoutSockets(chat);
    service.clock.advance(100_000);
    await send(user(service, bob), id, 'later');
    await shows(chat, id, ['by HTTP', 'live', 'missed', 'waits', 'later']);
    expect(reasons.filter((reason) => reason !== 'again')).toEqual(['first', 'expired']);
  });

  it('uses server-sent events where no socket opens, and tries sockets again after a disconnect', async () => {
    const chat = await live(clients.of(alice, { webSocket: Refused, ...throughProxy() }));
    expect(Refused.tries).toBe(2);
    await holdsWithoutSockets(chat);
    expect(Refused.tries).toBeGreaterThan(2);
  });

  it('is signed out when its token is refused, over HTTP as well', async () => {
    const chat = clients.of(alice, { transport: 'sse', getToken: () => 'nonsense' });
    chat.connect();
    await eventually(() => expect(chat.status.value).toBe('signed-out'));
  });

  it('keeps a session past the expiry of its token, over HTTP as well', async () => {
    const chat = await live(clients.of(alice, { transport: 'sse', session: true, storage: memoryStorage() }));
    await shows(chat, id, []);
    service.clock.advance(20 * 60_000);
    await send(user(service, bob), id, 'later');
    await shows(chat, id, ['later']);
  });

  it('a message that its socket does not answer is sent over HTTP, and stored once and in order', async () => {
    const network = withholding();
    const chat = await live(clients.of(alice, { webSocket: network.webSocket, answerWithinMs: 50 }));
    const room = chat.conversation(id);
    const { messages } = room.messages.value;
    expect(messages).toEqual([]);
    await room.send('one');
    await room.send('two');
    await eventually(async () => expect(await stored()).toEqual(['one', 'two']));
    await eventually(() => expect([chat.unsent, chat.status.value]).toEqual([0, 'live']));
    // Since HTTP answered, this connection is asked nothing more. (On a busy machine a query may have been late before.)
    expect(network.held.length).toBeLessThanOrEqual(1);
    const before = network.requests();
    await chat.request('{ viewer { id } }');
    expect(network.requests()).toBe(before);
    // The first comes late by the socket, too.
    network.release();
    await room.send('three');
    await shows(chat, id, ['one', 'two', 'three']);
    expect(await stored()).toEqual(['one', 'two', 'three']);
  });

  it('rejects a change that is not safe to repeat when its socket does not answer', async () => {
    class Deaf extends WebSocket {
      override send(data: string): void {
        if (!data.includes('editMessage(')) super.send(data);
      }
    }
    const chat = await live(clients.of(alice, { webSocket: Deaf, answerWithinMs: 5_000 }));
    await chat.conversation(id).send('as it was');
    await shows(chat, id, ['as it was']);
    const [message] = chat.conversation(id).messages.value.messages;
    await expect(chat.conversation(id).edit(message?.id ?? '', 'changed')).rejects.toThrow('No answer');
    expect(contentsOf(chat.conversation(id).messages.value.messages)).toEqual(['as it was']);
  });
});

describe('the transport of the next connection', () => {
  it('is HTTP every third time while sockets do not open', () => {
    const transports = new Transports();
    const taken = Array.from({ length: 7 }, () => {
      const { next } = transports;
      transports.ended(next, false, false);
      return next;
    });
    const tries = ['websocket', 'websocket', 'sse'];
    expect(taken).toEqual([...tries, ...tries, 'websocket']);
  });

  it.each([
    ['opened', true, false],
    ['was refused by the service', false, true],
  ])('is a socket once one %s, until the network changes', (_how, isOpened, isSaid) => {
    const transports = new Transports();
    transports.ended('websocket', isOpened, isSaid);
    for (let n = 0; n < 5; n += 1) {
      expect(transports.next).toBe('websocket');
      transports.ended('websocket', false, false);
    }
    transports.forget();
    for (let n = 0; n < 2; n += 1) transports.ended('websocket', false, false);
    expect(transports.next).toBe('sse');
  });

  it('stays HTTP after an expired token, and is a socket once after any other end', () => {
    const transports = new Transports();
    for (let n = 0; n < 2; n += 1) transports.ended('websocket', false, false);
    transports.ended('sse', true, true);
    expect(transports.next).toBe('sse');
    transports.ended('sse', true, false);
    expect(transports.next).toBe('websocket');
    transports.ended('websocket', false, false);
    expect(transports.next).toBe('sse');
  });

  it.each(['websocket', 'sse'] as const)('is always %s when that is configured', (fixed) => {
    const transports = new Transports(fixed);
    for (let n = 0; n < 4; n += 1) {
      expect(transports.next).toBe(fixed);
      transports.ended(fixed, false, false);
    }
  });
});
