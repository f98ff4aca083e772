/** Use by tenant in `/metrics`: off by default, and capped. */

import { Registry } from 'prom-client';
import { renderTogether } from '../../src/observability/figures.ts';
import { createTenantMetrics } from '../../src/observability/tenant-metrics.ts';
import { AskedTenants, answerAbout, FirstTenants } from '../../src/observability/tenant-names.ts';
import { eventually } from '../support/eventually.ts';
import { openStream } from '../support/http-stream.ts';
import { connectRaw } from '../support/raw-client.ts';
import { newId, startTestService, type TestService } from '../support/service.ts';

const CREATE = 'mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id } }';
const SEND = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id } }';
const PUBLISH =
  'mutation { one: publish(topic: "news", payload: 1) { id } two: publish(topic: "news", payload: 2) { id } }';
const HEAR = 'subscription { messageReceived { content } }';

/** The series of tenants, without their common beginning. */
const tenantsIn = (text: string): string[] =>
  [...text.matchAll(/^realtime_tenant_(.*)$/gm)].map(([, series = '']) => series).sort();

describe('use by tenant', () => {
  let service: TestService;
  const start = async (env: Record<string, string>): Promise<void> => {
    service = await startTestService({ env });
  };
  afterEach(() => service.close());
  const series = async (): Promise<string[]> => tenantsIn(await (await fetch(`${service.url}/metrics`)).text());

  /** One message, heard on three transports, and two publications. Answers what ends the connections. */
  async function use(tenant: string): Promise<() => Promise<void>> {
    const claims = { tenant };
    const id = newId();
    await service.query('ann', CREATE, { input: { id, kind: 'GROUP', memberIds: ['ben'] } }, claims);
    const client = await service.connect('ann', claims);
    const heard = await client.subscribe(HEAR);
    const stream = await openStream(
      service,
      await service.token('ben', claims),
      { query: HEAR },
      { accept: 'text/event-stream' },
    );
    const raw = await connectRaw(service, 'ben', claims);
    const sent = await service.query('ann', SEND, { input: { conversationId: id, content: 'hello' } }, claims);
    expect(sent.errors).toBeUndefined();
    await heard.count(1);
    await raw.received('RoomMessage', 1);
    await eventually(() => expect(stream.text).toContain('hello'));
    expect((await service.query('ann', PUBLISH, {}, claims)).errors).toBeUndefined();
    return async () => {
      await client.close();
      await raw.close();
      stream.stop();
    };
  }

  it('names no tenant by default', async () => {
    await start({});
    await (await use('acme'))();
    expect(await series()).toEqual([]);
  });

  it('names the first tenants up to METRICS_TENANTS, and counts the rest together', async () => {
    await start({ METRICS_TENANTS: '2' });
    const ends = [];
    for (const tenant of ['acme', 'bolt', 'cargo', 'delta']) ends.push(await use(tenant));
    const expected = (tenant: string, tenants: number, open: number): string[] => [
      `connections{tenant="${tenant}"} ${3 * open}`,
      `deliveries_total{tenant="${tenant}"} ${3 * tenants}`,
      `messages_total{tenant="${tenant}"} ${tenants}`,
      `publications_total{tenant="${tenant}"} ${2 * tenants}`,
    ];
    const all = (open: readonly number[]): string[] =>
      [
        ...expected('acme', 1, open[0] ?? 0),
        ...expected('bolt', 1, open[1] ?? 0),
        ...expected('other', 2, open[2] ?? 0),
      ].sort();
    expect(await series()).toEqual(all([1, 1, 2]));
    await ends[0]?.();
    await ends[3]?.();
    await eventually(async () => expect(await series()).toEqual(all([0, 1, 1])));
    for (const end of ends.slice(1, 3)) await end();
  });
});

/** Two workers whose names come from one process; `answer` passes on the answers of the questions asked so far. */
function twoWorkers(most: number) {
  const given = new FirstTenants(most);
  const asked: { readonly tenant: string; readonly by: AskedTenants }[] = [];
  let questions = 0;
  const worker = () => {
    const names: AskedTenants = new AskedTenants(most, (tenant) => {
      questions += 1;
      asked.push({ tenant, by: names });
    });
    const register = new Registry();
    return { register, metrics: createTenantMetrics(names, [register]) };
  };
  const workers = [worker(), worker()] as const;
  return {
    workers,
    get questions() {
      return questions;
    },
    answer(): void {
      for (const { tenant, by } of asked.splice(0)) by.told(answerAbout(tenant, given));
    },
    async messages(): Promise<string[]> {
      const all = Promise.all(workers.map(({ register }) => register.getMetricsAsJSON()));
      return tenantsIn(await renderTogether(await all)).filter((line) => line.startsWith('messages'));
    },
  };
}

describe('names of tenants', () => {
  it('have a cap, and a tenant named `other` is not mixed up with the rest', async () => {
    const register = new Registry();
    const tenants = createTenantMetrics(new FirstTenants(3), [register]);
    for (let n = 0; n < 10_000; n += 1) tenants.count(n === 0 ? 'other' : `tenant-${n}`, 'messages', 1);
    const text = await register.metrics();
    expect(tenantsIn(text).filter((line) => line.startsWith('messages'))).toEqual([
      'messages_total{tenant="other"} 9997',
      ...[1, 2, 3].map((n) => `messages_total{tenant="tenant-${n}"} 1`),
    ]);
  });

  it('and their cap are the same for all workers, whichever worker sees a tenant first', async () => {
    const { workers, answer, messages } = twoWorkers(2);
    const [one, two] = workers;
    const count = (by: typeof one, ...tenants: string[]): void => {
      for (const tenant of tenants) by.metrics.count(tenant, 'messages', 1);
    };
    count(one, 'acme', 'bolt', 'cargo');
    count(two, 'cargo', 'delta', 'acme');
    const scraped = messages();
    answer();
    const expected = ['messages_total{tenant="acme"} 2', 'messages_total{tenant="bolt"} 1'];
    expect(await scraped).toEqual([...expected, 'messages_total{tenant="other"} 3']);
    // The first answer that not all tenants have a name brought all names: nothing is asked any more.
    count(two, 'bolt', 'cargo');
    expect(await messages()).toEqual([
      'messages_total{tenant="acme"} 2',
      'messages_total{tenant="bolt"} 2',
      'messages_total{tenant="other"} 4',
    ]);
  });

  it('are asked for no more once all are given', async () => {
    const both = twoWorkers(2);
    const [one] = both.workers;
    for (const tenant of ['acme', 'bolt', 'cargo']) one.metrics.count(tenant, 'messages', 1);
    both.answer();
    for (let n = 0; n < 1_000; n += 1) one.metrics.count(`tenant-${n}`, 'messages', 1);
    expect(both.questions).toBe(3);
    expect(await both.messages()).toContain('messages_total{tenant="other"} 1001');
  });

  it('of a scrape are those that are connected by then, also when each must be asked for', async () => {
    const { workers, answer } = twoWorkers(1);
    const [{ register, metrics }] = workers;
    metrics.connected = () => ['acme', 'bolt', 'acme'];
    const scraped = register.metrics();
    answer();
    const connections = tenantsIn(await scraped).filter((line) => line.startsWith('connections'));
    expect(connections).toEqual(['connections{tenant="acme"} 2', 'connections{tenant="other"} 1']);
  });
});
