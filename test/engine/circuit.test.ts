/** The circuit around an engine: what opens it, what it reports, and what has no deadline. */
import { setImmediate as turn } from 'node:timers/promises';
import { withCircuit } from '../../src/engine/circuit.ts';
import type { Engine, EngineHealth } from '../../src/engine/port.ts';
import { ServiceError, unavailable } from '../../src/errors.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { StillClock } from '../support/still-clock.ts';
import { tenant } from '../support/world.ts';

const OUTAGE = new Error('away');
const REPLY = new Error('an error reply');
const UNAVAILABLE = { code: 'SERVICE_UNAVAILABLE' };

/** An engine whose operations a test answers, and the circuit around it. */
function openCircuit(deadlineMs: number | null) {
  const clock = new StillClock();
  let health: EngineHealth['status'] = 'down';
  let answer: () => Promise<unknown> = () => Promise.resolve('answered');
  let calls = 0;
  let isClosed = false;
  const ask = (): Promise<unknown> => {
    calls += 1;
    return answer();
  };
  const operations = new Proxy({} as Engine, { get: () => ask });
  const inner = new Proxy(operations, {
    get: (target, name) => {
      if (name === 'kind') return 'redis';
      if (name === 'checkHealth') return async () => ({ status: health, latencyMs: 1, reason: null });
      if (name === 'close')
        return async () => {
          isClosed = true;
        };
      return Reflect.get(target, name);
    },
  });
  const reports: string[] = [];
  const { engine, circuit } = withCircuit(inner, {
    clock,
    deadlineMs,
    isOutage: (cause) => cause !== REPLY,
    observe: {
      recordOf: (name) => ({
        operated: (milliseconds, isFailure) =>
          void reports.push(`${name} ${isFailure ? 'failed' : 'done'}${milliseconds >= 0 ? '' : ' before it began'}`),
        refused: () => void reports.push(`${name} refused`),
      }),
      turned: (isOpen) => void reports.push(isOpen ? 'open' : 'closed'),
      ignored: () => undefined,
      memory: () => undefined,
      lag: () => undefined,
    },
  });
  return {
    ...{ engine, circuit, clock, reports },
    answers: (next: typeof answer) => {
      answer = next;
    },
    isUp: () => {
      health = 'up';
    },
    calls: () => calls,
    isClosed: () => isClosed,
  };
}

const failing = (error: unknown) => (): Promise<never> => Promise.reject(error);

it('G14: outages open the circuit, operations then fail without being tried, and a check closes it', async () => {
  const { engine, circuit, clock, reports, answers, isUp, calls } = openCircuit(null);
  expect(await engine.time()).toBe('answered');
  answers(failing(unavailable(OUTAGE)));
  for (let n = 0; n < LIMITS.circuitOutages; n += 1) await expect(engine.time()).rejects.toMatchObject(UNAVAILABLE);
  expect(circuit()).toBe('open');
  const before = calls();
  await expect(engine.time()).rejects.toMatchObject(UNAVAILABLE);
  expect(calls()).toBe(before);
  clock.advance(TIMES.circuitCheckMs);
  await turn();
  expect(circuit()).toBe('open');
  isUp();
  answers(() => Promise.resolve('again'));
  clock.advance(TIMES.circuitCheckMs);
  await turn();
  expect(circuit()).toBe('closed');
  expect(await engine.time()).toBe('again');
  const failed = Array.from({ length: LIMITS.circuitOutages - 1 }, () => 'time failed');
  expect(reports).toEqual(['time done', ...failed, 'time failed', 'open', 'time refused', 'closed', 'time done']);
});

it('an answer that is no outage, even a refusal, does not open the circuit', async () => {
  const { engine, circuit, answers } = openCircuit(null);
  const faults = [unavailable(REPLY), unavailable(), new ServiceError('NOT_FOUND', 'no'), OUTAGE];
  for (const fault of faults) {
    answers(failing(fault));
    for (let n = 0; n <= LIMITS.circuitOutages; n += 1) await expect(engine.time()).rejects.toBe(fault);
  }
  expect(circuit()).toBe('closed');
});

it('G14: an operation without an answer fails at its deadline, which counts as an outage; its late answer is ignored', async () => {
  const { engine, circuit, reports, answers } = openCircuit(20);
  const late: (() => void)[] = [];
  answers(() => new Promise((resolve) => late.push(() => resolve('late'))));
  const asked = Array.from({ length: LIMITS.circuitOutages }, () => engine.time());
  for (const each of asked) await expect(each).rejects.toMatchObject(UNAVAILABLE);
  expect(circuit()).toBe('open');
  for (const answer of late) answer();
  await turn();
  expect(circuit()).toBe('open');
  expect(reports.filter((each) => each === 'time failed')).toHaveLength(LIMITS.circuitOutages);
  expect(reports).not.toContain('time done');
});

it('an answer in time cancels the deadline', async () => {
  const { engine, circuit, reports, answers } = openCircuit(5);
  const done = Array.from({ length: LIMITS.circuitOutages }, () => 'time done');
  for (const _ of done) expect(await engine.time()).toBe('answered');
  // The deadline of this one is later than theirs.
  answers(() => new Promise(() => undefined));
  await expect(engine.time()).rejects.toMatchObject(UNAVAILABLE);
  expect(circuit()).toBe('closed');
  expect(reports).toEqual([...done, 'time failed']);
});

it('`listen` has no deadline, since its caller must close what it opened', async () => {
  const { engine, reports, answers } = openCircuit(5);
  const first = Promise.withResolvers<unknown>();
  answers(() => first.promise);
  const listening = engine.listen(
    { kind: 'sessions', tenant, id: 'alice' as never },
    { onAnnouncement: () => undefined, onInterrupted: () => undefined },
  );
  const other = engine.time();
  await expect(other).rejects.toMatchObject(UNAVAILABLE);
  first.resolve('listening');
  expect(await listening).toBe('listening');
  expect(reports).toEqual(['time failed', 'listen done']);
});

it('closing the engine ends the checks of the circuit', async () => {
  const { engine, clock, answers, isClosed, circuit } = openCircuit(null);
  expect(engine.kind).toBe('redis');
  expect((await engine.checkHealth()).status).toBe('down');
  answers(failing(unavailable(OUTAGE)));
  for (let n = 0; n < LIMITS.circuitOutages; n += 1) await expect(engine.time()).rejects.toThrow();
  expect(clock.pending).toBe(1);
  await engine.close();
  expect(isClosed()).toBe(true);
  expect(clock.pending).toBe(0);
  await eventually(() => expect(circuit()).toBe('open'));
});
