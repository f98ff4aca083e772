/**
 * Only members and tenant admins learn anything of a conversation (G08, G09).
 *
 * Random histories of creating, adding, removing, leaving, joining and changes of
 * roles, in two tenants whose users and conversations have the same ids. Everyone
 * listens meanwhile. Then everyone asks everything there is to ask about every
 * conversation: all that the schema and the frames of `/ws` have. In `npm test` each asks half.
 */
import type { UserId } from '../../../src/model.ts';
import { createRandom } from '../../faults/random.ts';
import { IS_FULL } from '../../faults/settings.ts';
import { startNodes } from '../../support/nodes.ts';
import type { TestService } from '../../support/service.ts';
import { openAsking, Sample } from './asking.ts';
import { createHistory, TENANTS, USERS } from './history.ts';
import type { Property } from './property.ts';
import { createQuestions, INTROSPECTION } from './questions.ts';
import { createSecrets } from './secrets.ts';
import { type Asker, Told } from './told.ts';

const STEPS = 50;
/** Each asker puts one in so many of the questions about a conversation; all of them together put each. */
const EVERY = IS_FULL ? 1 : 2;

const [ONE, TWO] = TENANTS;
/** All users of one tenant, and of the other, where everything has the same ids, who might see most. */
const ASKERS: readonly Asker[] = [
  ...USERS.map((userId) => ({ tenant: ONE, userId, scope: '' })),
  { tenant: ONE, userId: 'backend' as UserId, scope: 'realtime:service' },
  { tenant: TWO, userId: USERS[0], scope: '' },
  { tenant: TWO, userId: 'admin' as UserId, scope: 'realtime:admin' },
];

async function tryOne(service: TestService, seed: number): Promise<void> {
  const random = createRandom(seed);
  const secrets = createSecrets(random);
  const history = createHistory(service, secrets, random, `h${seed}`);
  const questions = createQuestions((await service.query('admin', INTROSPECTION)).data);
  const told = new Told(seed, secrets);
  const sample = new Sample(EVERY);
  const askings = await Promise.all(
    ASKERS.map((asker) => openAsking({ service, asker, questions, history, told, random, sample })),
  );
  async function live(): Promise<void> {
    for (let step = 0; step < STEPS; step += 1) {
      await history.step();
      for (const asking of askings) asking.judgeHeard();
    }
  }
  for (const asking of askings) await asking.listen();
  await live();
  for (const place of history.places) for (const asking of askings) await asking.askAbout(place);
  await live();
  for (const asking of askings) asking.close();
  told.throwIfAny();
}

export const access: Property = {
  name: 'access: who is no member learns nothing',
  async run({ engine, seed, untilMs }) {
    const nodes = await startNodes(engine, { MAX_QUERY_COST: '1000000', MAX_QUERY_DEPTH: '50' });
    try {
      for (let round = 0; round === 0 || Date.now() < untilMs; round += 1) await tryOne(nodes.here, seed + round);
    } finally {
      await nodes.close();
    }
  },
};
