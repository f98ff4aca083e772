/** G17: a stream delivers what the present token of its connection may see. */
import { eventually } from '../support/eventually.ts';
import { connectRaw } from '../support/raw-client.ts';
import { type Data, newId, startTestService, type TestService, type TokenClaims } from '../support/service.ts';
import { openSocket } from '../support/socket.ts';
import { rights } from './properties/rights.ts';

const REFRESH = 'mutation ($token: String!) { refreshSession(refreshToken: $token) { accessToken } }';
const ADMIN = { scope: 'realtime:admin' };

it('G17: after each change of token and members a stream is open if and only if its token could open it', async () => {
  await rights.run({ engine: 'embedded', seed: 1, untilMs: 0 });
}, 120_000);

describe('G17: rights', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService();
  });
  afterAll(() => service.close());

  const run = async (userId: string, mutation: string): Promise<Data> =>
    (await service.query(userId, `mutation { ${mutation} }`)).data;
  const group = async (owner: string): Promise<string> =>
    (await run(owner, `createConversation(input: {id: "${newId()}"}) { id }`)).createConversation.id;
  const say = (userId: string, id: string, content: string): Promise<Data> =>
    run(userId, `sendMessage(input: {conversationId: "${id}", content: "${content}"}) { id }`);
  const begin = async (userId: string, claims: TokenClaims = {}): Promise<Data> => {
    const create = 'mutation { createSession(input: {deviceId: "phone"}) { accessToken refreshToken } }';
    return (await service.query(userId, create, {}, claims)).data.createSession;
  };

  it('a stream that needs admin rights ends when the socket changes to a user’s token', async () => {
    const [theirs, own] = [await group('ann'), await group('root')];
    const client = await service.connect('root', ADMIN);
    const named = await client.subscribe(
      `subscription { messageReceived(conversationIds: ["${theirs}"]) { content } }`,
    );
    const both = `subscription { messageUpdated(conversationIds: ["${theirs}", "${own}"]) { content } }`;
    const mixed = await client.subscribe(both);
    const mine = await client.subscribe('subscription { messageReceived { content } }');
    await say('ann', theirs, 'for an admin');
    expect((await named.next()).messageReceived.content).toBe('for an admin');
    await client.query(REFRESH, { token: (await begin('root', ADMIN)).refreshToken });
    await eventually(() => expect([named.isOver, mixed.isOver]).toEqual([true, true]));
    expect([...named.errors, ...mixed.errors].map(({ extensions }) => extensions.code)).toEqual([
      'FORBIDDEN',
      'FORBIDDEN',
    ]);
    await say('ann', theirs, 'for members');
    await say('root', own, 'mine');
    expect((await mine.next()).messageReceived.content).toBe('mine');
    expect(named.events).toHaveLength(1);
    await client.close();
  });

  it('a stream reads for its viewer with the present token', async () => {
    const client = await service.connect('root', ADMIN);
    await group('amy');
    const watch = 'subscription { presenceUpdated(userIds: ["amy"]) { statusText user { conversations { id } } } }';
    const live = await client.subscribe(watch);
    expect((await live.next()).presenceUpdated.user.conversations).toHaveLength(1);
    await client.query(REFRESH, { token: (await begin('root', ADMIN)).refreshToken });
    await run('amy', 'setPresence(status: ONLINE, statusText: "here") { status }');
    await eventually(() => expect(live.errors[0]?.extensions.code).toBe('FORBIDDEN'));
    // The list is theirs, whether or not the rest of the event is told.
    expect(live.events.slice(1).flatMap(({ presenceUpdated }) => presenceUpdated?.user.conversations ?? [])).toEqual(
      [],
    );
    await client.close();
  });

  it('topics that the new token does not allow are no longer delivered over graphql-ws', async () => {
    const narrow = { topics: { publish: null, subscribe: ['news.*'] } };
    const client = await service.connect('bob');
    const listen = (topics: string) =>
      client.subscribe(`subscription { topicPublished(topics: ${topics}) { payload } }`);
    const [kept, lost] = [await listen('["news.one"]'), await listen('["news.one", "other.one"]')];
    await client.query(REFRESH, { token: (await begin('bob', narrow)).refreshToken });
    await eventually(() => expect(lost.isOver).toBe(true));
    expect(lost.errors[0]?.extensions.code).toBe('FORBIDDEN');
    for (const topic of ['other.one', 'news.one']) await run('ann', `publish(topic: "${topic}", payload: "x") { id }`);
    await kept.next();
    expect(lost.events).toEqual([]);
    await client.close();
  });

  it('topics that the new token does not allow end with an Error frame that names them over /ws', async () => {
    const raw = await connectRaw(service, 'bob');
    await raw.ask('Subscribe', { topics: ['news.one', 'other.one'] });
    const token = await service.token('bob', { topics: { publish: null, subscribe: ['news.*'] } });
    expect((await raw.ask('Authenticate', { token })).data.status).toBe('authenticated');
    expect((await raw.received('Error', 1))[0]).toMatchObject({ code: 'FORBIDDEN', topics: ['other.one'] });
    for (const topic of ['other.one', 'news.one']) await run('ann', `publish(topic: "${topic}", payload: "x") { id }`);
    expect((await raw.received('Broadcast', 1)).map(({ topic }) => topic)).toEqual(['news.one']);
    expect((await raw.ask('Subscribe', { topics: ['other.one'] })).data.code).toBe('FORBIDDEN');
    await raw.close();
  });

  it('a token of another user changes nothing on either socket', async () => {
    const raw = await connectRaw(service, 'bob');
    const token = await service.token('ann', ADMIN);
    expect((await raw.ask('Authenticate', { token })).data).toMatchObject({
      code: 'UNAUTHENTICATED',
      reason: 'INVALID',
    });
    await raw.close();
  });

  it('a second connection_init cannot replace the token', async () => {
    const socket = await openSocket(service.wsUrl, ['graphql-transport-ws']);
    socket.send({ type: 'connection_init', payload: { token: await service.token('bob') } });
    await socket.frame(0);
    socket.send({ type: 'connection_init', payload: { token: await service.token('bob', ADMIN) } });
    expect(await socket.closed).toBe(4429);
  });
});
