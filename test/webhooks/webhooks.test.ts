/** Webhooks: the requests to a receiver, and the fate of events that it does not accept. */
import { partitionOf } from '../../src/engine/shared/consumer.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { metric } from '../support/metrics.ts';
import { BOTH_ENGINES, type Nodes, startNodes } from '../support/nodes.ts';
import { type Answer, type Data, newId, startTestService, type TestService } from '../support/service.ts';
import { onSharedRedis } from '../support/shared-redis.ts';
import { TestClock } from '../support/test-clock.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';
import { silentLog } from '../support/world.ts';

const SAVE_CONSUMER =
  'mutation ($name: String!) { saveConsumer(input: { name: $name, events: [PUBLISHED] }) { name } }';
const WEBHOOK = 'consumer url timeoutMs state failingSince deliveredAt error disabledAt';
const SAVE = `mutation ($input: WebhookInput!) {
  saveWebhook(input: $input) { secret earlierUntil webhook { ${WEBHOOK} } }
}`;
const LIST = `{ webhooks { ${WEBHOOK} } consumers { name lag pending deadLetters { edges { cursor node { id data } } } } }`;
const DELETE = 'mutation { deleteWebhook(consumer: "hook") }';
const REDELIVER = 'mutation ($after: String) { redeliver(webhook: "hook", after: $after) }';
const PUBLISH = 'mutation ($topic: String!, $payload: JSON!) { publish(topic: $topic, payload: $payload) { id } }';

/** A topic in another partition than `a`, which rests with it, by what each engine goes by. */
const apartFromA =
  ['b', 'c', 'd', 'e', 'f', 'g', 'h'].find((topic) =>
    [(name: string) => name, (name: string) => `t.${Buffer.from(name).toString('base64url')}`].every(
      (nameOf) => partitionOf(nameOf(topic)) !== partitionOf(nameOf('a')),
    ),
  ) ?? '';

describe.each(BOTH_ENGINES)('webhooks, %s', (setting) => {
  let nodes: Nodes;
  let receiver: WebhookReceiver;
  /** Each test is a tenant of its own. */
  let tenant: string;
  beforeAll(async () => {
    receiver = await startWebhookReceiver();
    nodes = await startNodes(setting, {
      WEBHOOK_ALLOWED_URLS: `http://127.0.0.1:${receiver.port}/hooks,http://localhost:${receiver.port}`,
      WEBHOOK_PRIVATE_ADDRESSES: 'true',
    });
  });
  beforeEach(() => {
    tenant = newId();
    receiver.answer = () => 204;
  });
  afterAll(async () => {
    await nodes.close();
    await receiver.close();
  });

  const service = (query: string, variables: object = {}, node = nodes.here): Promise<Answer> =>
    node.query('hooks', query, variables, { tenant, scope: 'realtime:service' });
  /** As a service whose token may hear these topics only. */
  const narrow = (subscribe: string, query: string, variables: object = {}): Promise<Answer> =>
    nodes.here.query('narrow', query, variables, {
      tenant,
      scope: 'realtime:service',
      topics: { publish: null, subscribe: [subscribe] },
    });
  const path = (): string => `/hooks/${tenant}`;
  const urlOf = (host = '127.0.0.1'): string => `http://${host}:${receiver.port}${path()}`;
  const save = (more: object = {}): Promise<Answer> =>
    service(SAVE, { input: { consumer: 'hook', url: urlOf(), ...more } });
  async function open(more: object = {}): Promise<string> {
    await service(SAVE_CONSUMER, { name: 'hook' });
    const { data, errors } = await save(more);
    expect(errors).toBeUndefined();
    return data.saveWebhook.secret;
  }
  const publish = (topic: string, payload: unknown): Promise<Answer> =>
    service(PUBLISH, { topic, payload }, nodes.there);
  const mine = () => receiver.received.filter(({ event }) => event.source === `/tenants/${tenant}`);
  const taken = () => mine().flatMap(({ event, status }) => (status === 204 ? [event.data.payload] : []));
  const shown = async (): Promise<Data> => (await service(LIST, {}, nodes.there)).data;
  const settled = () =>
    eventually(async () => expect((await shown()).consumers).toMatchObject([{ lag: 0, pending: 0 }]));
  /** Waits until an attempt that this status answered is acknowledged: from then on the event rests. */
  const rested = (status: number) =>
    eventually(async () => expect(await stateOf()).toMatchObject({ state: 'FAILING', error: `Status ${status}.` }));
  const stateOf = async (): Promise<Data> => (await shown()).webhooks[0];

  it('G24: a receiver gets CloudEvents in order, signed by Standard Webhooks', async () => {
    const secret = await open();
    for (const n of [1, 2, 3]) await publish('orders', n);
    await eventually(() => expect(taken()).toEqual([1, 2, 3]));
    const [first] = mine();
    if (!first) throw new Error('Nothing came.');
    expect(first.event).toEqual({
      specversion: '1.0',
      id: expect.stringMatching(/./),
      source: `/tenants/${tenant}`,
      type: 'published',
      subject: 'orders',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      datacontenttype: 'application/json',
      data: expect.objectContaining({ topic: 'orders', payload: 1, senderId: 'hooks' }),
    });
    expect(first.headers['content-type']).toBe('application/cloudevents+json; charset=utf-8');
    expect(mine().every((each) => receiver.isSigned(each, secret))).toBe(true);
    expect(receiver.isSigned(first, `whsec_${Buffer.alloc(32).toString('base64')}`)).toBe(false);
    await settled();
    expect(await stateOf()).toMatchObject({ state: 'ENABLED', url: urlOf(), timeoutMs: 10_000, error: null });
    expect(Date.parse((await stateOf()).deliveredAt)).toBeGreaterThan(0);
  });

  it('a failed event is sent again with the same id, before later events of its subject', async () => {
    let failures = 0;
    receiver.answer = ({ data }) => {
      if (data.payload !== 'first' || failures === 2) return 204;
      failures += 1;
      return failures === 1 ? 500 : 302;
    };
    await open();
    await publish('a', 'first');
    await publish('a', 'second');
    await rested(500);
    nodes.clock.advance(1_000);
    await rested(302);
    nodes.clock.advance(4_000);
    await eventually(() => expect(taken()).toEqual(['first', 'second']));
    const ids = mine().map(({ headers }) => headers['webhook-id']);
    expect(new Set(ids).size).toBe(2);
    expect(mine().map(({ status }) => status)).toEqual([500, 302, 204, 204]);
    expect(receiver.received.filter(({ headers }) => headers['host']?.includes('elsewhere'))).toEqual([]);
    await settled();
    expect(await stateOf()).toMatchObject({ state: 'ENABLED', failingSince: null, error: null });
  });

  it('a receiver that hangs is given up after its time-out', async () => {
    receiver.answer = () => null;
    await open({ timeoutMs: 50 });
    await publish('a', 1);
    await eventually(async () =>
      expect(await stateOf()).toMatchObject({ state: 'FAILING', error: 'No answer within 50 ms.' }),
    );
    receiver.answer = () => 204;
    nodes.clock.advance(1_000);
    await eventually(() => expect(taken()).toEqual([1]));
  });

  it('a receiver that answers 410 gets nothing more until it is saved again, and nothing is lost', async () => {
    receiver.answer = () => 410;
    await open();
    await publish('a', 1);
    await eventually(async () => expect(await stateOf()).toMatchObject({ state: 'DISABLED', error: 'Status 410.' }));
    await publish('a', 2);
    await publish('b', 3);
    expect((await stateOf()).disabledAt).not.toBeNull();
    const before = mine().length;
    nodes.clock.advance(60 * 60_000);
    await eventually(async () => expect((await shown()).consumers).toMatchObject([{ deadLetters: { edges: [] } }]));
    expect(mine().length).toBe(before);
    receiver.answer = () => 204;
    const again = (await save()).data.saveWebhook;
    expect(again.webhook).toMatchObject({ state: 'ENABLED', error: null });
    await eventually(() => expect(new Set(taken())).toEqual(new Set([1, 2, 3])));
    expect(taken().indexOf(1)).toBeLessThan(taken().indexOf(2));
    await settled();
  });

  it('an event that is never accepted becomes a dead letter, others go on, and it can be redelivered', async () => {
    let attempts = 0;
    receiver.answer = ({ data }) => {
      if (data.payload !== 'poison') return 204;
      attempts += 1;
      return 500 + attempts;
    };
    await open();
    await publish('a', 'poison');
    await publish('a', 'after');
    for (let attempt = 1; attempt < LIMITS.eventAttempts; attempt += 1) {
      await rested(500 + attempt);
      // Something else is taken meanwhile: the receiver is there.
      await publish(apartFromA, attempt);
      await eventually(async () => expect(await stateOf()).toMatchObject({ state: 'ENABLED' }));
      nodes.clock.advance(Math.min(1_000 * 4 ** (attempt - 1), TIMES.webhookRestMs));
    }
    await eventually(async () => expect((await shown()).consumers[0].deadLetters.edges.length).toBe(1));
    expect(attempts).toBe(LIMITS.eventAttempts);
    await eventually(() => expect(taken()).toContain('after'));
    const { webhooks, consumers } = await shown();
    expect(webhooks).toMatchObject([{ state: expect.stringMatching(/ENABLED|FAILING/) }]);
    const [{ cursor, node }] = consumers[0].deadLetters.edges;
    expect(node.data.payload).toBe('poison');
    const shownTo = async (topic: string): Promise<number> =>
      (await narrow(topic, LIST)).data.consumers[0].deadLetters.edges.length;
    expect([await shownTo('a'), await shownTo('*'), await shownTo(apartFromA)]).toEqual([1, 1, 0]);
    expect((await service(REDELIVER, { after: cursor })).data.redeliver).toBe(0);
    receiver.answer = () => 204;
    expect((await service(REDELIVER)).data.redeliver).toBe(1);
    await eventually(() => expect(taken()).toContain('poison'));
    await settled();
    expect((await shown()).consumers[0].deadLetters.edges).toEqual([]);
  });

  it('a receiver that accepts nothing for hours is disabled before any event is given up', async () => {
    let attempts = 0;
    receiver.answer = () => {
      attempts += 1;
      return 500 + attempts;
    };
    await open();
    await publish('a', 1);
    for (let attempt = 1; attempt < LIMITS.eventAttempts - 1; attempt += 1) {
      await rested(500 + attempt);
      nodes.clock.advance(Math.min(1_000 * 4 ** (attempt - 1), TIMES.webhookRestMs));
    }
    await eventually(async () => expect(await stateOf()).toMatchObject({ state: 'DISABLED', error: 'Status 509.' }));
    const { webhooks, consumers } = await shown();
    expect(Date.parse(webhooks[0].disabledAt) - Date.parse(webhooks[0].failingSince)).toBeGreaterThanOrEqual(
      TIMES.webhookFailingMs,
    );
    expect(consumers).toMatchObject([{ pending: 1, deadLetters: { edges: [] } }]);
    receiver.answer = () => 204;
    await save();
    await eventually(() => expect(taken()).toEqual([1]));
  });

  it('a new secret signs beside the previous one for a day, and neither is shown again', async () => {
    const first = await open();
    const { secret: second, earlierUntil } = (await save()).data.saveWebhook;
    expect(second).not.toBe(first);
    expect(Date.parse(earlierUntil)).toBeGreaterThan(nodes.clock.now());
    await publish('a', 1);
    await eventually(() => expect(taken()).toEqual([1]));
    const [both] = mine();
    expect([first, second].map((secret) => both && receiver.isSigned(both, secret))).toEqual([true, true]);
    nodes.clock.advance(TIMES.earlierSecretMs);
    await publish('a', 2);
    await eventually(() => expect(taken()).toEqual([1, 2]));
    const last = mine().at(-1);
    expect([first, second].map((secret) => last && receiver.isSigned(last, secret))).toEqual([false, true]);
    expect(JSON.stringify(await shown())).not.toContain('whsec_');
  });

  it('only services and admins save webhooks, for allowed URLs and existing consumers', async () => {
    expect((await save()).code).toBe('NOT_FOUND');
    await service(SAVE_CONSUMER, { name: 'hook' });
    const bad = [
      { url: `http://127.0.0.1:${receiver.port}/other` },
      { url: `http://127.0.0.1:${receiver.port}/hooks/..%2fother` },
      { url: `http://user:word@127.0.0.1:${receiver.port}/hooks` },
      { url: 'http://169.254.169.254/latest' },
      { url: 'file:///etc/passwd' },
      { url: `${urlOf()}/${'a'.repeat(3_000)}` },
      { timeoutMs: 0 },
      { timeoutMs: 20_001 },
      { consumer: 'no spaces' },
    ];
    for (const each of bad) expect([each, (await save(each)).code]).toEqual([each, 'BAD_USER_INPUT']);
    const user = { tenant };
    const input = { consumer: 'hook', url: urlOf() };
    for (const [query, variables] of [
      [SAVE, { input }],
      ['{ webhooks { url } }', {}],
      [DELETE, {}],
      [REDELIVER, {}],
    ] as const) {
      expect((await nodes.here.query('mallory', query, variables, user)).code).toBe('FORBIDDEN');
    }
    expect((await service(DELETE)).code).toBe('NOT_FOUND');
    expect((await service(REDELIVER)).code).toBe('NOT_FOUND');
    expect((await shown()).webhooks).toEqual([]);
  });

  it('a deleted webhook, and one whose consumer is deleted, sends nothing more', async () => {
    await open();
    await publish('a', 1);
    await eventually(() => expect(taken()).toEqual([1]));
    await settled();
    expect((await service(DELETE)).data.deleteWebhook).toBe(true);
    await publish('a', 2);
    expect((await shown()).webhooks).toEqual([]);
    // The node that held it may have had it in hand for a moment.
    await eventually(async () => {
      const { lag, pending } = (await shown()).consumers[0];
      expect(lag + pending).toBe(1);
    });
    expect(taken()).toEqual([1]);
    await save();
    await eventually(() => expect(taken()).toEqual([1, 2]));
    await service('mutation { deleteConsumer(name: "hook") }');
    expect((await shown()).webhooks).toEqual([]);
    expect((await service(DELETE)).code).toBe('NOT_FOUND');
  });

  it('requests are counted by outcome', async () => {
    const urls = [...new Set([nodes.here.url, nodes.there.url])];
    const count = async (outcome: string): Promise<number> => {
      const series = `realtime_webhook_deliveries_total{outcome="${outcome}"}`;
      return (await Promise.all(urls.map((url) => metric(url, series)))).reduce((sum, value) => sum + value, 0);
    };
    const before = await count('delivered');
    await open();
    await publish('a', 1);
    await eventually(async () => expect(await count('delivered')).toBeGreaterThan(before));
  });
});

describe('webhooks of a node that shuts down', () => {
  let receiver: WebhookReceiver;
  beforeAll(async () => {
    receiver = await startWebhookReceiver();
  });
  afterAll(() => receiver.close());

  it('G24: a request in flight may finish, another node continues at once, and no secret is in the log', async () => {
    const lines: unknown[][] = [];
    const note = (...line: unknown[]): void => void lines.push(line);
    const log = { ...silentLog, debug: note, info: note, warn: note, error: note };
    const clock = new TestClock();
    const env = {
      ...onSharedRedis(),
      WEBHOOK_ALLOWED_URLS: `http://127.0.0.1:${receiver.port}`,
      WEBHOOK_PRIVATE_ADDRESSES: 'true',
    };
    const claims = { tenant: newId(), scope: 'realtime:service' };
    const first = await startTestService({ env, clock, log });
    const ask = async (node: TestService, query: string, variables: object): Promise<Data> => {
      const { data, errors } = await node.query('hooks', query, variables, claims);
      expect(errors).toBeUndefined();
      return data;
    };
    const publish = (node: TestService, payload: number) => ask(node, PUBLISH, { topic: 'a', payload });
    await ask(first, SAVE_CONSUMER, { name: 'hook' });
    const input = { consumer: 'hook', url: `http://127.0.0.1:${receiver.port}/` };
    const { saveWebhook } = await ask(first, SAVE, { input });
    // The first is answered late, and nothing behind it is begun by the node that ends.
    let isHeld = true;
    receiver.answer = ({ data }) => (data.payload === 1 && isHeld ? null : 204);
    for (const payload of [1, 2, 3]) await publish(first, payload);
    await eventually(() => expect(receiver.received.map(({ event }) => event.data.payload)).toEqual([1]));
    const second = await startTestService({ env, clock, log });
    const carried = (node: TestService) => metric(node.url, 'realtime_webhooks');
    expect([await carried(first), await carried(second)]).toEqual([1, 0]);
    isHeld = false;
    await first.close();
    await eventually(() => expect(receiver.taken()).toEqual([1, 2, 3]));
    expect(await carried(second)).toBe(1);
    await publish(second, 4);
    await eventually(() => expect(receiver.taken()).toEqual([1, 2, 3, 4]));
    await second.close();
    expect(JSON.stringify(lines)).not.toContain(saveWebhook.secret);
    expect(JSON.stringify(lines)).not.toContain('whsec_');
  });
});
