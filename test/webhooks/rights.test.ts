/** Which tokens may send the events of a consumer to a URL. */
import { BOTH_ENGINES, type Nodes, startNodes } from '../support/nodes.ts';
import { type Answer, newId } from '../support/service.ts';

const URL = 'http://127.0.0.1:1/hooks';
const SAVE_CONSUMER = 'mutation ($input: ConsumerInput!) { saveConsumer(input: $input) { name } }';
const SAVE = 'mutation ($input: WebhookInput!) { saveWebhook(input: $input) { webhook { url } } }';
const LIST = '{ webhooks { consumer } }';
const DELETE = 'mutation { deleteWebhook(consumer: "hook") }';

describe.each(BOTH_ENGINES)('rights of webhooks, %s', (setting) => {
  let nodes: Nodes;
  const tenant = newId();
  beforeAll(async () => {
    nodes = await startNodes(setting, { WEBHOOK_ALLOWED_URLS: URL, WEBHOOK_PRIVATE_ADDRESSES: 'true' });
  });
  afterAll(() => nodes.close());

  /** As a service whose token may hear these topics only; null: all. */
  const ask = (subscribe: readonly string[] | null, query: string, variables: object = {}): Promise<Answer> =>
    nodes.here.query('hooks', query, variables, {
      tenant,
      scope: 'realtime:service',
      topics: { publish: null, subscribe },
    });
  const consumer = (topics: readonly string[] | null, events = ['PUBLISHED']): Promise<Answer> =>
    ask(null, SAVE_CONSUMER, { input: { name: 'hook', events, topics } });
  async function save(claim: string): Promise<unknown> {
    const { errors } = await ask([claim], SAVE, { input: { consumer: 'hook', url: URL } });
    return errors?.[0]?.extensions?.['code'] ?? 'saved';
  }

  it('topics_subscribe must cover all topics of the consumer of a webhook', async () => {
    await consumer(null);
    expect([await save('open.*'), await save('#')]).toEqual(['FORBIDDEN', 'saved']);
    expect((await ask(null, DELETE)).data.deleteWebhook).toBe(true);
    await consumer(['open.1', 'secret']);
    expect(await save('open.*')).toBe('FORBIDDEN');
    expect((await ask(null, LIST)).data.webhooks).toEqual([]);
    await consumer(['open.1']);
    expect(await save('open.*')).toBe('saved');
    await consumer(null, ['MESSAGE_SENT']);
    expect(await save('open.*')).toBe('saved');
  });
});
