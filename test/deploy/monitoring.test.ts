/** Dashboard and alerts use metrics that exist, and each alert has an instruction. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { systemClock } from '../../src/clock.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { FirstTenants } from '../../src/observability/tenant-names.ts';

const ROOT = new URL('../../', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, ROOT), 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}

const rules = (parse(read('deploy/prometheus/alerts.yaml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);
interface Panel {
  readonly title: string;
  readonly targets: readonly { readonly expr: string }[];
}
const dashboard = JSON.parse(read('deploy/grafana/dashboard.json')) as { readonly panels: readonly Panel[] };

/** Metrics with their labels, as they are exposed. */
async function exposed(): Promise<ReadonlyMap<string, readonly string[]>> {
  const { register } = createMetrics(systemClock);
  const metrics = await register.getMetricsAsJSON();
  return new Map(
    metrics.map(({ name }) => {
      const { labelNames = [] } = register.getSingleMetric(name) as unknown as { labelNames?: string[] };
      return [name, labelNames];
    }),
  );
}

const NAME = /\b(?:realtime|nodejs|process)_\w+/g;
const baseOf = (name: string): string => name.replace(/_(bucket|sum|count)$/, '');
/** Labels that Prometheus adds, and that of a histogram's buckets. */
const COMMON = ['instance', 'le'];

async function expectTrue(expression: string): Promise<void> {
  const metrics = await exposed();
  const names = expression.match(NAME) ?? [];
  expect(names.length).toBeGreaterThan(0);
  const labels = names.flatMap((name) => metrics.get(metrics.has(name) ? name : baseOf(name)) ?? ['?']);
  for (const name of names) expect([...metrics.keys()]).toContain(metrics.has(name) ? name : baseOf(name));
  const used = [...expression.matchAll(/by \(([^)]*)\)|[{,]\s*(\w+)\s*[=!]/g)].flatMap(([, by, one]) =>
    (by ?? one ?? '').split(',').map((label) => label.trim()),
  );
  for (const label of used) expect([...COMMON, ...labels]).toContain(label);
}

describe('monitoring', () => {
  it.each(rules.map((rule) => [rule.alert, rule] as const))('alert %s', async (name, rule) => {
    await expectTrue(rule.expr);
    expect(['page', 'warn']).toContain(rule.labels.severity);
    expect(rule.annotations.summary.length).toBeGreaterThan(20);
    expect(read('docs/operations.md')).toContain(`| \`${name}\` |`);
  });

  it.each(dashboard.panels.map((panel) => [panel.title, panel] as const))('panel %s', async (_, { targets }) => {
    expect(targets.length).toBeGreaterThan(0);
    for (const { expr } of targets) await expectTrue(expr);
  });

  it('every series exists at 0 from the start, since Prometheus sees no increase from nothing', async () => {
    const text = await createMetrics(systemClock, new FirstTenants(1)).render();
    // Timers and heap are this process's, which runs the test; what runs and what it does there is known at the start.
    const started = /^realtime_(?!timers|heap_|build_info|engine_operations)/;
    const names = [...(await exposed()).keys()].filter((name) => started.test(name));
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => !new RegExp(`^${name}(_count)?(\\{[^}]*\\})? 0$`, 'm').test(text))).toEqual([]);
  });

  it('every metric of the service is on the dashboard', async () => {
    const shown = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)).join(' ');
    const ours = [...(await exposed()).keys()].filter((name) => name.startsWith('realtime_'));
    expect(ours.filter((name) => !shown.includes(name))).toEqual([]);
  });
});
