/** How many publications a topic keeps and for how long, by its policy. */
import { TIMES } from '../../src/limits.ts';
import { openTestDomain, type TestDomain } from '../support/domain.ts';
import { alice, viewerOf } from '../support/world.ts';
import { admin } from './viewers.ts';

describe('a topic policy', () => {
  let domain: TestDomain;
  beforeEach(() => {
    domain = openTestDomain();
  });
  afterEach(() => domain.close());

  it.each([
    [{}, TIMES.publicationMs, 3],
    [{ keep: 2 }, TIMES.publicationMs, 2],
    [{ keepFor: '1h' }, 3_600_000, 3],
    [{ keep: 2, keepFor: '1h' }, 3_600_000, 2],
  ])('%j keeps so many for so long, and what it leaves out is as without it', async (given, ms, count) => {
    const { topics, topicPolicies, clock } = domain;
    await topicPolicies.save(admin, { pattern: 'news.#', publish: 'EVERYONE', subscribe: 'EVERYONE', ...given });
    const user = viewerOf(alice);
    for (let n = 0; n < 3; n += 1) await topics.publish(user, { topic: 'news.today', payload: n });
    const kept = async () => (await topics.history(user, 'news.today', {})).length;
    clock.jump(ms - 60_000);
    expect(await kept()).toBe(count);
    clock.jump(60_000);
    expect(await kept()).toBe(0);
  });
});
