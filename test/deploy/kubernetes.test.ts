/** The manifests are valid, consistent, and match the service. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';
import { VARIABLES } from '../../src/config/variables.ts';
import { readConfig } from '../../src/config.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';

const FOLDER = new URL('../../deploy/kubernetes/', import.meta.url);
const OVERLAYS = readdirSync(new URL('overlays/', FOLDER));

/** Of the schemas of groups that are no part of Kubernetes. */
const LIBRARIES: Readonly<Record<string, string>> = {
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
  'gateway.networking.k8s.io': '@kubernetes-models/gateway-api',
};
/** The namespace whose pods clients come through. */
const DOORS: Readonly<Record<string, string>> = { 'gateway-api': 'envoy-gateway-system' };

// biome-ignore lint/suspicious/noExplicitAny: manifests of any kind.
type Manifest = any;
type Model = new (manifest: Manifest) => { validate(): void };

const rendered = (overlay: string): string => readFileSync(new URL(`rendered/${overlay}.yaml`, FOLDER), 'utf8');
const manifests = (overlay: string): Manifest[] =>
  parseAllDocuments(rendered(overlay)).map((document) => document.toJS());

async function modelOf({ apiVersion, kind }: Manifest): Promise<Model> {
  const [group = ''] = String(apiVersion).split('/');
  const library = LIBRARIES[group] ?? 'kubernetes-models';
  const models = (await import(`${library}/${apiVersion}`)) as Record<string, Model>;
  const model = models[kind];
  if (!model) throw new Error(`There is no ${apiVersion} ${kind}.`);
  return model;
}

describe.each(OVERLAYS)('overlay %s', (overlay) => {
  const all = manifests(overlay);
  const of = (kind: string): Manifest => all.find((manifest) => manifest.kind === kind);
  const pod = of('Deployment').spec.template.spec;
  const [container] = pod.containers;
  const env = Object.fromEntries(container.env.map(({ name, value }: Manifest) => [name, value]));
  const isEncrypted = env['TLS_CERT_FILE'] !== undefined;
  // The files are those of the pod.
  const somewhere = fileURLToPath(import.meta.url);
  const files = isEncrypted ? { TLS_CERT_FILE: somewhere, TLS_KEY_FILE: somewhere } : {};
  const config = readConfig({ JWT_SECRET: 'x'.repeat(32), ...env, ...files });

  it('every manifest is valid against the schema of its kind', async () => {
    expect(all.length).toBeGreaterThan(3);
    for (const manifest of all) {
      const Model = await modelOf(manifest);
      expect(() => new Model(manifest).validate()).not.toThrow();
    }
    const broken = structuredClone(of('Deployment'));
    broken.spec.template.spec.containers[0].ports[0].containerPort = 'http';
    const Deployment = await modelOf(broken);
    expect(() => new Deployment(broken).validate()).toThrow();
  });

  it('the rendered files match the sources, where kubectl is installed', () => {
    const path = fileURLToPath(new URL(`overlays/${overlay}`, FOLDER));
    const { status, stdout } = spawnSync('kubectl', ['kustomize', path], { encoding: 'utf8' });
    if (status === 0) expect(rendered(overlay)).toBe(stdout);
  });

  it('selectors match the pods, and every named port exists', () => {
    const { labels } = of('Deployment').spec.template.metadata;
    const name = { 'app.kubernetes.io/name': 'realtime-communication' };
    expect(labels).toEqual(name);
    expect(of('Deployment').spec.selector.matchLabels).toEqual(name);
    expect(of('Service').spec.selector).toEqual(name);
    for (const { spec } of all.filter(({ kind }) => kind === 'NetworkPolicy'))
      expect(spec.podSelector.matchLabels).toEqual(name);
    const ports = container.ports.map((port: Manifest) => port.name);
    expect(ports).toContain(of('Service').spec.ports[0].targetPort);
    expect(container.ports[0].containerPort).toBe(config.port);
    expect(container.ports[1].containerPort).toBe(config.adminPort);
    for (const { port } of of('ServiceMonitor')?.spec.endpoints ?? []) expect(port).toBe('admin');
    expect(of('Service').spec.ports.map(({ targetPort }: Manifest) => targetPort)).toEqual(ports);
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'])
      expect(ports).toContain(container[probe].httpGet.port);
    expect(container.livenessProbe.httpGet.path).toBe('/health');
  });

  it('network policies admit the named peers, and traffic to what the service needs', () => {
    const policies = all.filter(({ kind }) => kind === 'NetworkPolicy');
    type Labels = Record<string, string>;
    const fits = (selector: Manifest, labels: Labels): boolean =>
      Object.entries(selector?.matchLabels ?? {}).every(([name, value]) => labels[name] === value);
    const allows = (direction: 'ingress' | 'egress', port: number | string, peer: Labels, namespace: Labels = {}) =>
      policies
        .flatMap(({ spec }) => spec[direction] ?? [])
        .some(
          (rule: Manifest) =>
            rule.ports.some((each: Manifest) => each.port === port) &&
            (rule.from ?? rule.to).some(({ podSelector, namespaceSelector }: Manifest) =>
              namespaceSelector ? fits(namespaceSelector, namespace) : fits(podSelector, peer),
            ),
        );
    const named = (name: string): Labels => ({ 'app.kubernetes.io/name': name });
    const space = (name: string): Labels => ({ 'kubernetes.io/metadata.name': name });
    expect(allows('ingress', 'http', { ...named('router'), 'app.kubernetes.io/component': 'gateway' })).toBe(true);
    expect(allows('ingress', 'http', named('router'))).toBe(false);
    const door = DOORS[overlay] ?? 'ingress-nginx';
    for (const name of ['ingress-nginx', 'envoy-gateway-system'])
      expect(allows('ingress', 'http', {}, space(name))).toBe(name === door);
    expect(allows('ingress', 'http', {}, space('monitoring'))).toBe(false);
    expect(allows('ingress', 'admin', {}, space('monitoring'))).toBe(true);
    expect(allows('ingress', 'admin', {}, space('ingress-nginx'))).toBe(false);
    expect(allows('ingress', 'http', {}, space('default'))).toBe(false);
    expect(allows('egress', 53, {}, space('kube-system'))).toBe(true);
    const needsRedis = overlay !== 'trial';
    expect(allows('egress', 6_379, named('redis'))).toBe(needsRedis);
    expect(allows('egress', 26_379, named('redis'))).toBe(needsRedis);
    expect(allows('egress', 6_379, named('postgres'))).toBe(false);
  });

  it('G15: the pod’s grace period is longer than a drain', () => {
    const preStopMs = Number(container.lifecycle.preStop.exec.command[1]) * 1_000;
    const needed = preStopMs + config.drainWindowMs + 2 * TIMES.drainGraceMs + TIMES.terminateMs;
    expect(pod.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(needed);
  });

  it('the environment has only known variables; the container has few rights', () => {
    for (const name of Object.keys(env)) expect(VARIABLES).toHaveProperty(name);
    expect(env['NODE_ENV']).toBe('production');
    expect(pod).toMatchObject({ automountServiceAccountToken: false, securityContext: { runAsNonRoot: true } });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
    });
  });

  it('the route of clients leads to the service, and probes use the protocol of the port', () => {
    const service = of('Service');
    const ways: Manifest[] = [
      ...(of('Ingress')?.spec.rules.flatMap(({ http }: Manifest) => http.paths) ?? []).map(
        ({ path, backend }: Manifest) => ({
          path,
          name: backend.service.name,
          port: service.spec.ports.find(({ name }: Manifest) => name === backend.service.port.name)?.port,
        }),
      ),
      ...(of('HTTPRoute')?.spec.rules ?? []).flatMap(({ matches, backendRefs: [backend] }: Manifest) =>
        matches.map(({ path }: Manifest) => ({ path: path.value, ...backend })),
      ),
    ];
    const { port } = service.spec.ports[0];
    const paths = overlay === 'trial' ? [] : ['/graphql', '/ws'];
    expect(ways).toEqual(paths.map((path) => ({ path, name: service.metadata.name, port })));
    expect(config.allowedOrigins).not.toEqual([]);
    const scheme = isEncrypted ? 'HTTPS' : undefined;
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'])
      expect(container[probe].httpGet.scheme).toBe(scheme);
    for (const endpoint of of('ServiceMonitor')?.spec.endpoints ?? [])
      expect(endpoint.scheme).toBe(scheme?.toLowerCase());
    const { annotations = {} } = of('Ingress')?.metadata ?? {};
    expect(annotations['nginx.ingress.kubernetes.io/backend-protocol']).toBe(scheme);
    const mounted = container.volumeMounts?.map(({ mountPath }: Manifest) => mountPath) ?? [];
    for (const name of Object.keys(files)) expect(mounted).toContain(dirname(env[name]));
    // Any node resumes any client: sessions stick to a pod only where that was asked for.
    expect(service.spec.sessionAffinity).toBe(overlay === 'sticky' ? 'ClientIP' : undefined);
    expect(annotations['nginx.ingress.kubernetes.io/affinity']).toBe(overlay === 'sticky' ? 'cookie' : undefined);
  });

  it('the autoscaler adds pods before the cap of sockets is reached', () => {
    const autoscaler = of('HorizontalPodAutoscaler');
    if (!autoscaler) return expect(of('Deployment').spec.replicas).toBe(1);
    const [{ pods }] = autoscaler.spec.metrics;
    const adapter = readFileSync(new URL('../../deploy/prometheus/adapter-rules.yaml', import.meta.url), 'utf8');
    const { rules } = parse(adapter) as { rules: { name: { as: string }; seriesQuery: string }[] };
    const [rule] = rules.filter(({ name }) => name.as === pods.metric.name);
    // It is `sum` of a metric that there is, by transport.
    expect(rule?.seriesQuery).toMatch(/^realtime_connections\{/);
    expect(Number(pods.target.averageValue)).toBeLessThan(config.maxConnections * 0.8);
    // A pod that is lost sends its clients to the others at once.
    expect(Number(pods.target.averageValue) / (autoscaler.spec.minReplicas - 1)).toBeLessThan(LIMITS.admissionBurst);
    return undefined;
  });
});
