/** The Helm chart renders the same manifests as the kustomize overlays. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';

const DEPLOY = new URL('../../deploy/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, DEPLOY), 'utf8');
const pathOf = (name: string): string => fileURLToPath(new URL(name, DEPLOY));
const OVERLAYS = readdirSync(new URL('kubernetes/overlays/', DEPLOY));

// biome-ignore lint/suspicious/noExplicitAny: manifests of any kind.
type Manifest = any;

/** Manifests by kind and name. Variables of the environment have no order. */
function manifests(text: string): Record<string, Manifest> {
  const all: Manifest[] = parseAllDocuments(text).flatMap((document) => document.toJS() ?? []);
  for (const { spec } of all) {
    for (const container of spec.template?.spec.containers ?? [])
      container.env.sort((a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name));
  }
  return Object.fromEntries(all.map((manifest) => [`${manifest.kind} ${manifest.metadata.name}`, manifest]));
}

/** Null where there is no helm to ask. */
function render(release: string, ...more: string[]): string | null {
  const args = ['template', release, pathOf('helm/realtime-communication'), '--kube-version', '1.30.0', ...more];
  const { error, status, stdout, stderr } = spawnSync('helm', args, { encoding: 'utf8' });
  if (error) return null;
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

describe('the Helm chart', () => {
  it('has values for every overlay, and the version of the service', () => {
    expect(readdirSync(new URL('helm/values/', DEPLOY))).toEqual(OVERLAYS.map((overlay) => `${overlay}.yaml`));
    const { version } = JSON.parse(read('../package.json')) as { version: string };
    expect(parse(read('helm/realtime-communication/Chart.yaml'))).toMatchObject({ version, appVersion: version });
  });

  it.each(OVERLAYS)('renders the manifests of overlay %s', (overlay) => {
    const expected = manifests(read(`kubernetes/rendered/${overlay}.yaml`));
    expect(Object.keys(expected).length).toBeGreaterThan(3);
    expect(manifests(read(`helm/rendered/${overlay}.yaml`))).toEqual(expected);
  });

  it('has not changed since it was rendered', () => {
    const files = (readdirSync(new URL('helm/', DEPLOY), { recursive: true, withFileTypes: true }) ?? [])
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.parentPath}/${entry.name}`.slice(pathOf('helm/').length).replace(/^\//, ''))
      .filter((name) => !name.startsWith('rendered/'));
    const sums = files.map((name) => {
      const sum = createHash('sha256')
        .update(read(`helm/${name}`))
        .digest('hex');
      return `${sum}  ${name}`;
    });
    expect(read('helm/rendered/sources.sha256').trim().split('\n').sort()).toEqual(sums.sort());
  });

  it('is rendered the same by helm where that is installed; its objects have the name of the release', () => {
    for (const overlay of OVERLAYS) {
      const rendered = render('realtime-communication', '--values', pathOf(`helm/values/${overlay}.yaml`));
      if (rendered !== null) expect(manifests(rendered)).toEqual(manifests(read(`helm/rendered/${overlay}.yaml`)));
    }
    const other = render('other', '--set', 'autoscaling.enabled=false,replicas=5,tls.enabled=true');
    if (other === null) return;
    const { 'Deployment other': deployment, 'Service other': service, ...more } = manifests(other);
    expect(deployment.spec.replicas).toBe(5);
    expect(service.spec.selector).toEqual(deployment.spec.template.metadata.labels);
    expect(Object.keys(more).sort()).toEqual([
      'Ingress other',
      'NetworkPolicy other',
      'NetworkPolicy other-redis',
      'PodDisruptionBudget other',
      'ServiceMonitor other',
    ]);
  });
});
