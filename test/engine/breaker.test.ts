/** The circuit breaker: when it opens, and what closes it. */
import { setImmediate } from 'node:timers/promises';
import { Breaker } from '../../src/engine/breaker.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { StillClock } from '../support/still-clock.ts';

function openBreaker() {
  const clock = new StillClock();
  const turns: boolean[] = [];
  const answers: (() => Promise<boolean>)[] = [];
  const breaker = new Breaker({
    clock,
    check: () => answers.shift()?.() ?? Promise.reject(new Error('No check was expected.')),
    turned: (isOpen) => turns.push(isOpen),
  });
  const miss = (count: number): void => {
    for (let n = 0; n < count; n += 1) breaker.missed();
  };
  return { clock, turns, answers, breaker, miss };
}

it('the circuit breaker opens after a number of outages in a row; an answer in between resets the count', () => {
  const { breaker, turns, miss } = openBreaker();
  miss(LIMITS.circuitOutages - 1);
  breaker.answered();
  miss(LIMITS.circuitOutages - 1);
  expect(breaker.state).toBe('closed');
  miss(1);
  expect(breaker.state).toBe('open');
  // Operations that began before.
  miss(10);
  breaker.answered();
  expect(breaker.state).toBe('open');
  expect(turns).toEqual([true]);
  breaker.close();
});

it('the circuit breaker probes one at a time, and reports only the first opening and the close', async () => {
  const { breaker, turns, answers, clock, miss } = openBreaker();
  miss(LIMITS.circuitOutages);
  answers.push(
    () => Promise.resolve(false),
    () => Promise.reject(new Error('away')),
    () => Promise.resolve(true),
  );
  for (const left of [2, 1]) {
    clock.advance(TIMES.circuitCheckMs);
    await setImmediate();
    expect([breaker.state, answers.length]).toEqual(['open', left]);
  }
  clock.advance(TIMES.circuitCheckMs);
  await setImmediate();
  expect(breaker.state).toBe('closed');
  expect(turns).toEqual([true, false]);
  // The count begins at nought.
  miss(LIMITS.circuitOutages - 1);
  expect(breaker.isClosed).toBe(true);
});

it('the circuit breaker is half open during a check, and checks no more once it is shut down', async () => {
  const { breaker, answers, clock, miss } = openBreaker();
  miss(LIMITS.circuitOutages);
  let fail = (_: Error): void => undefined;
  answers.push(() => new Promise((_, reject) => (fail = reject)));
  clock.advance(TIMES.circuitCheckMs);
  await setImmediate();
  expect(breaker.state).toBe('half-open');
  breaker.close();
  fail(new Error('away'));
  clock.advance(TIMES.circuitCheckMs * 3);
  await setImmediate();
  expect(breaker.state).toBe('open');
});
