/**
 * Two pages in Chromium, on two nodes, while everything between them fails: none missing, none twice, in order, unread right.
 *
 * A few hundred messages and one seed by default; `npm run test:trial` is the long form.
 */
import fc from 'fast-check';
import type { Browser } from 'playwright-core';
import { CHROMIUM, type Pages, servePage } from './serve-page.ts';
import { FAULTS, ROUTES, Trial } from './trial.ts';

const MESSAGES = Number(process.env['TRIAL_MESSAGES'] ?? 240);
const SEEDS = Number(process.env['TRIAL_SEEDS'] ?? 1);
const SEED = Number(process.env['TRIAL_SEED'] ?? 24);
const ROOMS = 3;
/** Each fault twice, and again for every so many messages. */
const MESSAGES_PER_ROUND = 200;
const HOURS_MS = 6 * 3_600_000;

const inChromium = CHROMIUM ? describe : describe.skip;

inChromium.each(ROUTES)('two pages, %s', (route) => {
  let pages: Pages;
  let browser: Browser;
  beforeAll(async () => {
    pages = await servePage('trial-page.ts');
    const { chromium } = await import('playwright-core');
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser.close();
    pages.close();
  });

  it.each(Array.from({ length: SEEDS }, (_, index) => SEED + index))(
    'show what is stored, whatever fails: seed %i',
    async (seed) => {
      const trial = new Trial({ browser, pages, route });
      try {
        await trial.begin();
        let count = 0;
        const twice = [...FAULTS, ...FAULTS];
        const rounds = Math.max(twice.length, Math.ceil(MESSAGES / MESSAGES_PER_ROUND));
        const perPerson = Math.ceil(MESSAGES / rounds / 2);
        const [order = []] = fc.sample(fc.shuffledSubarray(twice, { minLength: twice.length }), { seed, numRuns: 1 });
        const picks = fc.sample(fc.nat({ max: 1_000_000 }), { seed, numRuns: rounds * (2 * perPerson + 2) });
        const pick = (below: number): number => (picks.pop() ?? 0) % below;
        for (let round = 0; round < rounds; round += 1) {
          const texts = [0, 1].map((who) =>
            Array.from({ length: perPerson }, () => {
              count += 1;
              return { room: pick(ROOMS), text: `${count} by ${who}` };
            }),
          );
          await trial.round(order[round % order.length] ?? 'cut', pick(2), texts);
          await trial.read(round % 2, pick(ROOMS));
        }
        expect({ seed, differences: await trial.differences() }).toEqual({ seed, differences: [] });
        // A tab that is reloaded loses what was not in its outbox yet.
        expect(trial.kept).toBeGreaterThan(MESSAGES / 2);
      } finally {
        await trial.end();
      }
    },
    HOURS_MS,
  );
});
