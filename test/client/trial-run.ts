/** The trial as a test: each fault twice, and again for every so many messages. */

import type { Browser } from 'playwright-core';
import fc from '../support/fast-check.ts';
import { CHROMIUM, type Pages, servePage } from './serve-page.ts';
import { FAULTS, type Route, Trial, type TrialClient } from './trial.ts';

const MESSAGES = Number(process.env['TRIAL_MESSAGES'] ?? 240);
const SEEDS = Number(process.env['TRIAL_SEEDS'] ?? 1);
const SEED = Number(process.env['TRIAL_SEED'] ?? 24);
const ROOMS = 3;
const MESSAGES_PER_ROUND = 200;
const HOURS_MS = 6 * 3_600_000;

const inChromium = CHROMIUM ? describe : describe.skip;

/** How often each fault happens in a trial that is short. */
export function tryOut(client: TrialClient, routes: readonly Route[], times: number): void {
  inChromium.each(routes)(`two pages with ${client}, %s`, (route) => {
    let pages: Pages;
    let browser: Browser;
    beforeAll(async () => {
      pages = await servePage(client === 'the client' ? 'trial-page.ts' : 'trial-cache-page.ts');
      const { chromium } = await import('playwright-core');
      browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
    });
    afterAll(async () => {
      await browser.close();
      pages.close();
    });

    it.each(Array.from({ length: SEEDS }, (_, index) => SEED + index))(
      'show what is stored, after any faults: seed %i',
      async (seed) => {
        const trial = new Trial({ browser, pages, route, client });
        try {
          await trial.begin();
          await play(trial, seed, times);
          expect({ seed, differences: await trial.differences() }).toEqual({ seed, differences: [] });
          // A tab that is reloaded loses what was not in its outbox yet.
          expect(await trial.kept()).toBeGreaterThan(MESSAGES / 2);
        } finally {
          await trial.end();
        }
      },
      HOURS_MS,
    );
  });
}

async function play(trial: Trial, seed: number, times: number): Promise<void> {
  let count = 0;
  const faults = Array.from({ length: times }, () => FAULTS).flat();
  const rounds = Math.max(faults.length, Math.ceil(MESSAGES / MESSAGES_PER_ROUND));
  const perPerson = Math.ceil(MESSAGES / rounds / 2);
  const [order = []] = fc.sample(fc.shuffledSubarray(faults, { minLength: faults.length }), { seed, numRuns: 1 });
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
}
