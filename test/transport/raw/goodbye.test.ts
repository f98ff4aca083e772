/** The close of a `/ws` socket confirms what was sent before the client read it, and nothing else (G06). */
import { Redis } from 'ioredis';
import { eventually } from '../../support/eventually.ts';
import { connectRaw, type RawClient } from '../../support/raw-client.ts';
import { type RedisServer, startRedisServer } from '../../support/redis-server.ts';
import { newId, startTestService, type TestService } from '../../support/service.ts';

describe('the close of a /ws socket', () => {
  let redis: RedisServer;
  let admin: Redis;
  let here: TestService;
  let there: TestService;
  beforeAll(async () => {
    redis = await startRedisServer();
    admin = new Redis(redis.url);
    await admin.call('ACL', 'SETUSER', 'there', 'on', '>pass', '~*', '&*', '+@all');
    here = await startTestService({ env: { REDIS_URL: redis.url } });
    there = await startTestService({ env: { REDIS_URL: redis.url.replace('//', '//there:pass@') } });
  });
  afterAll(async () => {
    await Promise.all([here.close(), there.close()]);
    admin.disconnect();
    await redis.stop();
  });

  async function room(member: string): Promise<string> {
    const id = newId();
    const create = `mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id } }`;
    const { errors } = await here.query('ann', create, { input: { id, kind: 'ROOM', memberIds: [member] } });
    expect(errors).toBeUndefined();
    return id;
  }
  async function send(conversationId: string, content: string): Promise<void> {
    const mutation = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id } }';
    const { errors } = await here.query('ann', mutation, { input: { conversationId, content } });
    expect(errors).toBeUndefined();
  }
  /** A client that confirms nothing: what is known of its reading, its goodbye says. */
  async function connectSilent(user: string, node = there): Promise<RawClient> {
    const client = await connectRaw(node, user);
    client.socket.pong = () => undefined;
    return client;
  }
  const payloads = (client: RawClient): string[] => client.of('RoomMessage').map(({ payload }) => payload);
  /** What the next connection is given, and whether its session was known. */
  async function next(user: string, node = there): Promise<{ readonly given: string[]; readonly isResumed: boolean }> {
    const client = await connectSilent(user, node);
    await client.ask('Ping');
    client.socket.terminate();
    return { given: payloads(client), isResumed: client.frames[0].data.resumed };
  }

  it('during a stream loses and repeats nothing, twenty times in a row', async () => {
    const ben = newId();
    const id = await room(ben);
    // A session that is here for the first time begins live.
    await (await connectRaw(there, ben)).close();
    let sent = 0;
    let isWriting = true;
    const write = async (): Promise<void> => {
      while (isWriting) {
        const batch = Array.from({ length: 10 }, (_, n) => send(id, String(sent + n + 1)));
        sent += batch.length;
        await Promise.all(batch);
      }
    };
    const writing = write();
    const received: string[] = [];
    for (let visit = 0; visit < 20; visit += 1) {
      const client = await connectRaw(there, ben);
      await client.received('RoomMessage', 5 + visit);
      await client.close();
      received.push(...payloads(client));
    }
    isWriting = false;
    await writing;
    const last = await connectRaw(there, ben);
    await eventually(async () => {
      await last.ask('Ping');
      const numbers = [...received, ...payloads(last)].map(Number).sort((a, b) => a - b);
      expect(numbers).toEqual(Array.from({ length: sent }, (_, n) => n + 1));
    });
    await last.close();
  });

  it.each([1002, 1007, 1009, 1011, 3000])(
    'with code %i does not confirm the last messages, which are sent again',
    async (code) => {
      const ben = newId();
      const id = await room(ben);
      const client = await connectSilent(ben);
      await send(id, 'refused');
      await client.received('RoomMessage', 1);
      client.socket.close(code);
      await client.closed;
      expect(await next(ben)).toEqual({ given: ['refused'], isResumed: true });
    },
  );

  it.each([1000, 1001, undefined])('with code %s confirms all messages', async (code) => {
    const ben = newId();
    const id = await room(ben);
    const client = await connectSilent(ben);
    await send(id, 'read');
    await client.received('RoomMessage', 1);
    client.socket.close(code);
    await client.closed;
    await eventually(async () => expect(await next(ben)).toEqual({ given: [], isResumed: true }));
  });

  it('without a close frame: a session that was connected receives what followed', async () => {
    const ben = newId();
    const id = await room(ben);
    await send(id, 'before');
    const client = await connectRaw(there, ben);
    client.socket.terminate();
    await send(id, 'after');
    expect(await next(ben)).toEqual({ given: ['after'], isResumed: true });
  });

  it('that could not be stored is stored later, and applies on its node at once', async () => {
    const failures = async (): Promise<number> => {
      const text = await (await fetch(`${there.url}/metrics`)).text();
      return Number(/^realtime_engine_failures_total (\d+)/m.exec(text)?.[1]);
    };
    const ben = newId();
    const id = await room(ben);
    const client = await connectSilent(ben);
    await send(id, 'read');
    await client.received('RoomMessage', 1);
    const before = await failures();
    // Everything can be read, and written but for keys that end in "xes": the positions of sessions.
    const allowed = ['~*[^s]', '~*[^e]s', '~*[^x]es', '%R~*'];
    await admin.call('ACL', 'SETUSER', 'there', 'resetkeys', ...allowed);
    await client.close();
    await eventually(async () => expect(await failures()).toBeGreaterThan(before));
    expect(await next(ben)).toEqual({ given: [], isResumed: true });
    expect(await next(ben, here)).toEqual({ given: ['read'], isResumed: true });
    await admin.call('ACL', 'SETUSER', 'there', 'resetkeys', '~*');
    await eventually(async () => expect((await next(ben, here)).given).toEqual([]));
  });
});
