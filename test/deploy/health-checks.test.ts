/** Whoever checks the health of a node waits longer than its answer may take: a slow node is not a dead one. */
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { TIMES } from '../../src/times.ts';

const read = (name: string): string => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
const secondsIn = (name: string, line: RegExp): number => Number(line.exec(read(name))?.[1]);

interface Probe {
  readonly httpGet: { readonly path: string };
  readonly timeoutSeconds?: number;
}
type Workload = {
  readonly kind?: string;
  readonly spec?: { readonly template?: { readonly spec?: { readonly containers: readonly Record<string, Probe>[] } } };
};

const RENDERED = ['production', 'gateway-api', 'sticky', 'tls', 'trial'];

/** The time-outs of the probes of readiness in a rendered overlay, in seconds. */
const ofOverlay = (name: string): number[] =>
  parseAllDocuments(read(`deploy/kubernetes/rendered/${name}.yaml`))
    .map((document) => document.toJS() as Workload | null)
    .flatMap((workload) => workload?.spec?.template?.spec?.containers ?? [])
    .flatMap(({ readinessProbe }) => (readinessProbe ? [readinessProbe.timeoutSeconds ?? 1] : []));

it.each<[string, number]>([
  ['HAProxy', secondsIn('deploy/balancers/haproxy.cfg', /timeout check (\d+)s/)],
  ['Caddy', secondsIn('deploy/balancers/Caddyfile', /health_timeout (\d+)s/)],
  [
    'an ALB, as docs/balancers.md has it',
    secondsIn('docs/balancers.md', /`\/health\/ready` with a time-out of (\d+) s/),
  ],
  [
    'the Helm chart',
    secondsIn(
      'deploy/helm/realtime-communication/templates/deployment.yaml',
      /readinessProbe:[\s\S]*?timeoutSeconds: (\d+)/,
    ),
  ],
  ...RENDERED.flatMap((name) => ofOverlay(name).map((seconds): [string, number] => [`the overlay ${name}`, seconds])),
])('%s waits longer than readiness may take', (_, seconds) => {
  // An operation of the engine, and the answers of all workers, which are asked at the same time.
  expect(seconds * 1_000).toBeGreaterThan(Math.max(TIMES.operationMs, TIMES.figuresMs));
});

it('every overlay has a probe of readiness', () => {
  expect(RENDERED.filter((name) => ofOverlay(name).length === 0)).toEqual([]);
});

it('the image’s check ends before its time-out', () => {
  const [, ms = ''] = /TIMEOUT_MS = ([\d_]+)/.exec(read('src/health-check.ts')) ?? [];
  const seconds = secondsIn('Dockerfile', /HEALTHCHECK [\s\S]*?--timeout=(\d+)s/);
  expect(Number(ms.replace('_', ''))).toBeLessThan(seconds * 1_000);
});
