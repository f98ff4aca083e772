/** The counters of workers that hang or have died stay in the sums of all; their gauges do not. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type Figures, renderTogether } from '../../src/observability/figures.ts';
import { KeptCounters } from '../../src/observability/kept-counters.ts';

/** The figures of a worker that has served `served` and knows of `deaths`. */
async function figuresOf(served: number, deaths = 0): Promise<Figures> {
  const registers = [new Registry()] as const;
  const named = (name: string) => ({ name, help: name, registers: [...registers] });
  new Counter({ ...named('served_total'), labelNames: ['path'] }).inc({ path: '/' }, served);
  new Counter({ ...named('deaths_total'), aggregator: 'max' }).inc(deaths);
  new Gauge(named('open')).set(served);
  const seconds = new Histogram({ ...named('seconds'), buckets: [1] });
  for (let n = 0; n < served; n += 1) seconds.observe(0.5);
  return registers[0].getMetricsAsJSON();
}

describe('KeptCounters', () => {
  const kept = new KeptCounters();
  /** What is rendered when these workers answer; null: this one does not. */
  const render = async (
    answers: readonly (Figures | null)[],
    meanwhile = (): void => undefined,
  ): Promise<readonly string[]> => {
    const complete = kept.complete();
    meanwhile();
    for (const [index, figures] of answers.entries()) kept.note(index, figures);
    const replies = complete(answers.map((answer, index) => ({ index, serves: true, answer })));
    const present = replies.flatMap(({ answer }) => (answer ? [answer as Figures] : []));
    const lines = (await renderTogether(present)).split('\n');
    return lines.filter((line) => /^\w+(\{path.*\}|_count)? \d+$/.test(line) && !line.startsWith('seconds_sum'));
  };
  const rendered = (served: number, open: number, deaths: number): readonly string[] => [
    `served_total{path="/"} ${served}`,
    `deaths_total ${deaths}`,
    `open ${open}`,
    `seconds_count ${served}`,
  ];

  it('adds what a silent worker last reported, and keeps what a dead one did', async () => {
    expect(await render([await figuresOf(3), await figuresOf(4)])).toEqual(rendered(7, 7, 0));
    expect(await render([await figuresOf(5), null])).toEqual(rendered(9, 5, 0));
    kept.end(1);
    expect(await render([await figuresOf(5), await figuresOf(1, 1)])).toEqual(rendered(10, 6, 1));
    kept.end(1);
    kept.end(1);
    expect(await render([await figuresOf(5), null])).toEqual(rendered(10, 5, 1));
  });

  it('counts a worker once that dies while the others are asked', async () => {
    expect(await render([await figuresOf(6), null], () => kept.end(0))).toEqual(rendered(11, 6, 1));
    expect(await render([null, null])).toEqual(['served_total{path="/"} 16', 'deaths_total 1', 'seconds_count 16']);
  });

  it('can be sent to another process', async () => {
    expect(() => structuredClone(kept.complete()([]))).not.toThrow();
  });
});
