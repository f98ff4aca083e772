/** How much the rules of a tenant make of one message, and what is left of one that is dropped. */
import { LIMITS } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { startTestService, type TestService } from '../support/service.ts';

const SAVE = 'mutation ($input: RoutingRuleInput!) { saveRoutingRule(input: $input) { id } }';
const PUBLISH = 'mutation ($topic: String!) { publish(topic: $topic, payload: 1) { id } }';

describe('what rules make of one message', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService();
  });
  afterAll(() => service.close());

  const claims = { scope: 'realtime:admin' };
  const save = async (name: string, priority: number, topic: string, action: object): Promise<void> => {
    const input = { name, priority, match: { on: ['TOPIC'], topic }, action };
    expect((await service.query('root', SAVE, { input }, claims)).code).toBeUndefined();
  };
  const length = async (topic: string): Promise<number> => {
    const { data } = await service.query('alice', `{ topicHistory(topic: "${topic}") { id } }`);
    return data.topicHistory.length;
  };

  it('a hundred deliveries and no more', async () => {
    const targets = (rule: number): string[] =>
      Array.from({ length: LIMITS.targetsPerRule }, (_, index) => `copy.${rule}.${index}`);
    const rules = Array.from({ length: LIMITS.routedDeliveries / LIMITS.targetsPerRule + 1 }, (_, rule) => rule);
    for (const rule of rules) await save(`many-${rule}`, 100 - rule, 'many', { copy: { topics: targets(rule) } });
    const [last] = rules.slice(-1) as [number];
    await eventually(async () => {
      expect((await service.query('alice', PUBLISH, { topic: 'many' })).code).toBeUndefined();
      expect(await length(targets(last - 1).at(-1) as string)).toBeGreaterThan(0);
    });
    expect(await length(targets(last)[0] as string)).toBe(0);
  });

  it('a copy of one that a later rule drops', async () => {
    await save('copy', 2, 'dropped', { copy: { topics: ['kept'] } });
    await save('drop', 1, 'dropped', { drop: true });
    await eventually(async () => {
      expect((await service.query('alice', PUBLISH, { topic: 'dropped' })).code).toBe('FORBIDDEN');
    });
    expect(await length('kept')).toBeGreaterThan(0);
    expect(await length('dropped')).toBe(0);
  });
});
