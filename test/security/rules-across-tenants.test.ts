/** An admin of one tenant cannot affect the rules of another. */
import { LONG_SETTINGS, type Nodes, startNodes } from '../support/nodes.ts';
import { Tenant } from '../support/tenant.ts';

const TEST = `query ($input: RoutingRuleInput!, $sample: JSON!) {
  testRoutingRule(input: $input, sample: $sample) { outcome fault }
}`;
const HANGS = { match: { on: ['TOPIC'], where: '$match(payload, /^(a+)+$/)' }, action: { drop: true } };
const HARD = `${'a'.repeat(40)}!`;

describe.each(LONG_SETTINGS)('rules of two tenants, %s', (setting) => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await startNodes(setting);
  });
  afterAll(() => nodes.close());

  it('any number of hanging dry runs does not disable another tenant’s rules', async () => {
    const attacker = new Tenant(nodes);
    const victim = new Tenant(nodes);
    await victim.save({ match: { on: ['TOPIC'], topic: 'news', where: 'payload.secret' }, action: { drop: true } });
    const attacks: Promise<unknown>[] = [];
    const attack = (): void => {
      for (let n = 0; n < 10; n += 1) {
        const sample = { topic: 'x', payload: `${HARD}${n}` };
        attacks.push(attacker.admin(TEST, { input: { name: 'Rule', ...HANGS }, sample }).catch(() => undefined));
      }
    };
    attack();
    for (let n = 1; n <= 30; n += 1) {
      const answer = await victim.publish('alice', 'news', { secret: n });
      expect(answer.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN', reason: 'DROPPED' } }]);
      if (n % 10 === 0) attack();
    }
    await Promise.all(attacks);
    expect((await victim.publish('alice', 'news', { secret: true })).data).toEqual({ publish: null });
    expect(await victim.history('news')).toEqual([]);
  }, 30_000);

  it('a rule that hangs is suspended, and another tenant’s rule of the same id stays active', async () => {
    const attacker = new Tenant(nodes);
    const victim = new Tenant(nodes);
    await attacker.save({ id: 'same', ...HANGS });
    await victim.save({ id: 'same', ...HANGS });
    expect((await attacker.publish('mallory', 'x', HARD)).data.publish).toMatchObject({ payload: HARD });
    expect((await attacker.publish('mallory', 'x', 'aaa')).data.publish).toMatchObject({ payload: 'aaa' });
    expect((await victim.publish('alice', 'x', 'aaa')).data).toEqual({ publish: null });
  }, 30_000);
});
