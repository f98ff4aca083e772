/** The alerts, evaluated by promtool: none is true on a healthy service, and each of some is true on its fault. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { createConversation, send, user } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { openStream } from '../support/http-stream.ts';
import { metric } from '../support/metrics.ts';
import { startTestService } from '../support/service.ts';
import { onSharedRedis } from '../support/shared-redis.ts';
import { TestClock } from '../support/test-clock.ts';

const RULES = fileURLToPath(new URL('../../deploy/prometheus/alerts.yaml', import.meta.url));
const { groups } = parse(readFileSync(RULES, 'utf8')) as { groups: { rules: { alert: string }[] }[] };
const ALERTS = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
/** They measure the machine as well, on which other tests run. */
const OF_SPEED = ['RealtimeEngineSlow', 'RealtimeDeliverySlow', 'RealtimeEventLoopLag'];

type Series = readonly (readonly [series: string, values: string])[];

/** The alerts that are true after half an hour of these series, which have a value every 15 s. */
function firing(series: Series): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'alerts-'));
  try {
    const alert_rule_test = ALERTS.map((alertname) => ({ eval_time: '30m', alertname, exp_alerts: [] }));
    const input_series = series.map(([name, values]) => ({ series: name, values }));
    const tests = [{ interval: '15s', input_series, alert_rule_test }];
    const file = join(folder, 'tests.json');
    writeFileSync(file, JSON.stringify({ rule_files: [RULES], evaluation_interval: '15s', tests }));
    const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' });
    const said = stdout + stderr;
    const found = ALERTS.filter((alertname) => said.includes(`alertname: ${alertname},`));
    if ((status === 0) !== (found.length === 0)) throw new Error(said);
    return found;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function isInstalled(): boolean {
  try {
    execFileSync('promtool', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const SAMPLE = /^(\w+)(?:\{(.*)\})? (\S+)$/gm;

/** What Prometheus has of a node whose counters go on as they did between two scrapes. */
function wentOn(before: string, after: string): Series {
  const earlier = new Map(
    [...before.matchAll(SAMPLE)].map(([, name, labels = '', value]) => [name + labels, Number(value)]),
  );
  const counters = new Set([...after.matchAll(/^# TYPE (\w+) (?:counter|histogram)$/gm)].map(([, name]) => name));
  return [...after.matchAll(SAMPLE)].map(([, name = '', labels = '', text]) => {
    const value = Number(text);
    const isCounter = counters.has(name) || counters.has(name.replace(/_(bucket|sum|count)$/, ''));
    const step = isCounter ? value - (earlier.get(name + labels) ?? 0) : 0;
    return [`${name}{${labels ? `${labels},` : ''}instance="a"}`, `${value.toFixed(9)}+${step.toFixed(9)}x200`];
  });
}

(isInstalled() ? describe : describe.skip)('alerts', () => {
  it('none is true while people write where nobody listens, and one stream is quiet', async () => {
    const clock = new TestClock();
    const node = await startTestService({ env: onSharedRedis(), clock });
    const ann = user(node, 'ann');
    const { id } = await createConversation(ann);
    const query = 'subscription { messageReceived { id } }';
    const quiet = await openStream(node, await node.token('ben'), { query }, { accept: 'text/event-stream' });
    await eventually(async () => expect(await metric(node.url, 'realtime_subscriptions')).toBe(1));
    const scrape = async (): Promise<string> => {
      for (let n = 0; n < 30; n += 1) await send(ann, id, 'to nobody');
      const probes = 'realtime_announcement_lag_seconds_count';
      const probed = await metric(node.url, probes);
      await eventually(async () => {
        clock.advance(4_000);
        expect(await metric(node.url, probes)).toBeGreaterThan(probed);
      });
      return (await fetch(`${node.url}/metrics`)).text();
    };
    const series = wentOn(await scrape(), await scrape());
    expect(series.find(([name]) => name.startsWith('realtime_messages_total'))?.[1]).toContain('+30.0');
    expect(firing(series).filter((alert) => !OF_SPEED.includes(alert))).toEqual([]);
    quiet.stop();
    await node.close();
  });

  it.each([
    [
      'RealtimeNobodyHears',
      [
        ['realtime_subscriptions{transport="sse",instance="a"}', '5x200'],
        ['realtime_build_info{engine="redis",instance="a"}', '1x200'],
        ['realtime_engine_circuit_open{instance="a"}', '0x200'],
        ['realtime_announcement_lag_seconds_count{instance="a"}', '70x200'],
      ],
    ],
    [
      'RealtimePositionsLost',
      [
        ['realtime_holes_total{outcome="lost",instance="a"}', '0x200'],
        ['realtime_resumes_total{outcome="lost",instance="a"}', '0x100 2x100'],
      ],
    ],
    [
      'RealtimeRetentionShort',
      [
        ['realtime_resumes_total{outcome="expired",instance="a"}', '0+1x200'],
        ['realtime_resumes_total{outcome="resumed",instance="a"}', '0+3x200'],
      ],
    ],
    ['RealtimeSlowReaders', [['realtime_slow_readers_total{transport="sse",instance="a"}', '0+30x200']]],
    ['RealtimeHeapFull', [['realtime_heap_used_ratio{instance="a"}', '0.95x200']]],
  ] as const)('%s is true on its fault, and no other is', (alert, series) => {
    expect(firing(series)).toEqual([alert]);
  });
});
