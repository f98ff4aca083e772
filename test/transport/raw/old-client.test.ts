/** The older service's client, unchanged, against this service, beside a GraphQL client on another node. */
import { readFileSync } from 'node:fs';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';
import { type Data, startTestService, type TestService } from '../../support/service.ts';
import { onSharedRedis } from '../../support/shared-redis.ts';
// @ts-expect-error It is JavaScript, and stays as it was.
import { RealtimeClient } from './old-client.js';

describe('the older service’s client', () => {
  let here: TestService;
  let there: TestService;
  let env: Record<string, string>;
  let client: Data;
  beforeAll(async () => {
    env = { ...onSharedRedis(), PORT: String(await freePort()) };
    here = await startTestService({ env });
    there = await startTestService({ env: { ...env, PORT: '0' } });
  });
  afterAll(async () => {
    client?.stop();
    await here.close();
    await there.close();
  });

  it('exchanges broadcasts and direct messages, and receives what it missed after a restart', async () => {
    const heard: Record<string, Data[]> = { Status: [], Broadcast: [], DirectMessage: [], Error: [] };
    client = new RealtimeClient(`${here.url.replace('http', 'ws')}/ws`, await here.token('old'));
    for (const type of Object.keys(heard)) client.on(type, (data: Data) => heard[type]?.push(data));
    client.connect();
    const received = (type: string, count: number): Promise<Data[]> =>
      eventually(() => {
        expect(heard[type]).toHaveLength(count);
        return heard[type] ?? [];
      });
    await received('Status', 1);
    client.subscribe(['news']);
    await received('Status', 2);

    const graphql = await there.connect('new');
    const topics = await graphql.subscribe('subscription { topicPublished(topics: ["news"]) { payload senderId } }');
    const messages = await graphql.subscribe('subscription { messageReceived { payload senderId } }');
    client.broadcast('news', { n: 1 });
    expect(await topics.next()).toEqual({ topicPublished: { payload: { n: 1 }, senderId: 'old' } });
    await graphql.query('mutation { publish(topic: "news", payload: {n: 2}) { id } }');
    expect((await received('Broadcast', 2)).map(({ payload }) => payload)).toEqual([{ n: 1 }, { n: 2 }]);
    client.directMessage('new', { text: 'Hi' });
    expect(await messages.next()).toEqual({ messageReceived: { payload: { text: 'Hi' }, senderId: 'old' } });
    await graphql.query('mutation { sendDirectMessage(userId: "old", content: "Hello") { id } }');
    expect(await received('DirectMessage', 1)).toMatchObject([{ sender_id: 'new', payload: 'Hello' }]);
    client.send('Nonsense', {});
    expect(await received('Error', 1)).toMatchObject([{ code: 'BAD_USER_INPUT' }]);

    await here.close();
    await graphql.query('mutation { sendDirectMessage(userId: "old", content: "missed") { id } }');
    here = await startTestService({ env });
    expect(await received('DirectMessage', 2)).toMatchObject([{}, { payload: 'missed' }]);
    // It subscribed again by itself.
    await eventually(() => expect(heard['Status']?.at(-1)).toMatchObject({ status: 'subscribed' }));
    await graphql.query('mutation { publish(topic: "news", payload: {n: 3}) { id } }');
    await received('Broadcast', 3);
    client.stop();
    await graphql.close();
  });

  const CHROMIUM = process.env['CHROMIUM'];
  (CHROMIUM ? it : it.skip)('a browser page with plain WebSocket and the subprotocol', async () => {
    const { chromium } = await import('playwright-core');
    const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
    const page = await browser.newPage();
    await page.goto(`${here.url}/health`);
    const source = readFileSync(new URL('old-client.js', import.meta.url), 'utf8').replace('export class', 'class');
    const token = await here.token('page');
    const graphql = await there.connect('new-too');
    const topics = await graphql.subscribe('subscription { topicPublished(topics: ["page"]) { payload } }');
    const messages = await graphql.subscribe('subscription { messageReceived { payload } }');
    await page.evaluate(
      `${source}
       window.heard = [];
       const socket = new WebSocket('${here.url.replace('http', 'ws')}/ws', ['access_token.${token}']);
       socket.onmessage = ({ data }) => window.heard.push(JSON.parse(data));
       window.send = (type, data) => socket.send(JSON.stringify({ type, data }));
       window.protocol = () => socket.protocol;`,
    );
    const heard = (type: string, count: number): Promise<Data[]> =>
      eventually(async () => {
        const all = (await page.evaluate('window.heard')) as Data[];
        const some = all.filter((frame) => frame.type === type);
        expect(some.length).toBeGreaterThanOrEqual(count);
        return some;
      });
    await heard('Status', 1);
    expect(await page.evaluate('window.protocol()')).toBe(`access_token.${token}`);
    await page.evaluate(`send('Subscribe', { topics: ['page'] })`);
    await heard('Status', 2);
    await page.evaluate(
      `send('Broadcast', { topic: 'page', payload: 1 }); send('DirectMessage', { target_user: 'new-too', payload: 2 })`,
    );
    expect(await topics.next()).toEqual({ topicPublished: { payload: 1 } });
    expect(await messages.next()).toEqual({ messageReceived: { payload: 2 } });
    await graphql.query(
      'mutation { publish(topic: "page", payload: 3) { id } sendDirectMessage(userId: "page", content: "4") { id } }',
    );
    expect((await heard('Broadcast', 2)).map(({ data }) => data.payload)).toEqual([1, 3]);
    expect((await heard('DirectMessage', 1)).map(({ data }) => data.payload)).toEqual(['4']);
    await browser.close();
    await graphql.close();
  });
});
