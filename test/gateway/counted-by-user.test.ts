/** Subscriptions and connections of a gateway count by user, not by socket. */
import { LIMITS } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { closeCallbackEndpoint, type Told } from '../support/played-routers.ts';
import { openSocket } from '../support/socket.ts';
import { GATEWAY, start, wordsOf } from './told-words.ts';

describe('the cap of subscriptions of a gateway counts by user, not by socket', () => {
  const subscribe = (n: number) => ({
    id: `${n}`,
    type: 'subscribe',
    payload: { query: 'subscription { topicPublished(topics: ["t"]) { id } }' },
  });

  it('one socket may hold the subscriptions of two, and a second socket then holds none', async () => {
    const { service } = await start({ MAX_CONNECTIONS_PER_USER: '2', RATE_LIMIT_ENABLED: 'true' });
    const connect = async (userId: string) => {
      const headers = { 'router-authorization': GATEWAY };
      const raw = await openSocket(service.wsUrl, ['graphql-transport-ws'], headers);
      raw.send({ type: 'connection_init', payload: { token: await service.token(userId) } });
      await raw.frame(0);
      return raw;
    };
    const most = 2 * LIMITS.subscriptionsPerSocket;
    const [one, other, ofBob] = [await connect('alice'), await connect('alice'), await connect('bob')];
    for (let n = 1; n <= most; n += 1) one.send(subscribe(n));
    one.send({ type: 'ping' });
    await eventually(() => expect(one.frames.at(-1).type).toBe('pong'));
    expect(one.frames.map(({ type }) => type)).toEqual(['connection_ack', 'pong']);
    other.send(subscribe(most + 1));
    await other.frame(1);
    expect(wordsOf({ errors: other.frames[1].payload.errors ?? other.frames[1].payload } as Told)[0]).toMatch(
      /^(RATE_LIMITED|SERVICE_UNAVAILABLE) later$/,
    );
    ofBob.send(subscribe(1));
    ofBob.send({ type: 'ping' });
    expect((await ofBob.frame(1)).type).toBe('pong');
    // More than a user may open in a minute, or have at once.
    const more = await Promise.all(Array.from({ length: 40 }, () => connect('carol')));
    expect(more.map(({ frames }) => frames[0].type)).toEqual(Array(40).fill('connection_ack'));
    for (const { socket } of [one, other, ofBob, ...more]) socket.terminate();
    await service.close();
    await closeCallbackEndpoint();
  });
});
