/** The image and the composition, as far as they can be checked without a container engine. */
import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { readSettings } from '../../examples/gateway/settings.ts';
import { VARIABLES } from '../../src/config/variables.ts';
import { readConfig } from '../../src/config.ts';

const ROOT = new URL('../../', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, ROOT), 'utf8');

/** Instructions in order, their lines joined. */
function instructions(file: string): { readonly name: string; readonly value: string }[] {
  return read(file)
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', value = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
      return { name, value };
    });
}

describe('Dockerfile', () => {
  const all = instructions('Dockerfile');
  const last = all.slice(all.findLastIndex(({ name }) => name === 'FROM'));
  const of = (name: string): string[] => last.filter((each) => each.name === name).map(({ value }) => value);

  it('has known instructions, versioned images, and COPY from stages that exist', () => {
    const known = 'ARG FROM WORKDIR COPY RUN ENV USER VOLUME EXPOSE HEALTHCHECK CMD'.split(' ');
    expect(all.filter(({ name }) => !known.includes(name))).toEqual([]);
    // A release gives the base by its digest: all stages have the same.
    expect(all[0]).toEqual({ name: 'ARG', value: expect.stringMatching(/^BASE=node:\d+-[\w-]+$/) });
    const images = all.filter(({ name }) => name === 'FROM').map(({ value }) => value);
    for (const image of images) expect(image).toMatch(/^\$\{BASE\}( AS \w+)?$/);
    const stages = images.flatMap((image) => / AS (\w+)$/.exec(image)?.[1] ?? []);
    for (const { value } of all.filter(({ name }) => name === 'COPY')) {
      const from = /--from=(\w+)/.exec(value)?.[1];
      if (from) expect(stages).toContain(from);
    }
  });

  it('copies only files that exist and that .dockerignore admits', () => {
    const allowed = read('.dockerignore').split('\n');
    const sources = all
      .filter(({ name, value }) => name === 'COPY' && !value.includes('--from'))
      .flatMap(({ value }) => value.split(/\s+/).slice(0, -1));
    expect(sources.length).toBeGreaterThan(5);
    for (const source of sources) {
      expect(existsSync(new URL(source, ROOT))).toBe(true);
      expect(allowed).toContain(`!${source}`);
    }
  });

  it('the last stage has production dependencies, an unprivileged user, and a health check without a shell', () => {
    expect(of('COPY').join('\n')).toMatch(/--from=dependencies .*node_modules/);
    expect(all.filter(({ value }) => value.startsWith('npm ci')).at(-1)?.value).toContain('--omit=dev');
    expect(of('USER')).toEqual(['node']);
    // In exec form: node is process 1 and gets the signals.
    expect(of('CMD')).toEqual(['["node", "--max-semi-space-size=32", "dist/main.js"]']);
    expect(of('HEALTHCHECK')[0]).toContain('CMD ["node", "dist/health-check.js"]');
    expect(of('RUN').join()).not.toMatch(/curl|wget|apt/);
  });
});

it('npm start, the image, the systemd unit and the benchmark start the service with the same flags of Node', () => {
  const files = ['package.json', 'Dockerfile', 'deploy/systemd/realtime-communication.service', 'bench/catalogue.ts'];
  const flags = files.map((file) => read(file).match(/--max-semi-space-size=\d+/g));
  expect(flags).toEqual(files.map(() => ['--max-semi-space-size=32']));
});

describe('docker-compose.yml', () => {
  const { services, volumes, networks } = parse(read('docker-compose.yml'));
  const HARDENED = { security_opt: ['no-new-privileges:true'] };

  it('has the service, a Redis with persistence, and the gateway', () => {
    expect(Object.keys(services)).toEqual(['realtime-communication', 'redis', 'users', 'gateway']);
    expect(services.redis.command).toEqual(expect.arrayContaining(['--appendonly', 'yes', 'noeviction']));
    for (const { depends_on: needs = {}, volumes: mounts = [] } of Object.values<never>(services) as never[] as {
      depends_on?: object;
      volumes?: string[];
    }[]) {
      for (const name of Object.keys(needs)) expect(services).toHaveProperty(name);
      for (const mount of mounts) expect(volumes).toHaveProperty(String(mount).split(':')[0] ?? '');
    }
  });

  it('starts for development with nothing set; production is refused without its secrets', () => {
    const given = services['realtime-communication'].environment as Record<string, string>;
    const withSet = (set: Record<string, string>): Record<string, string> =>
      Object.fromEntries(
        Object.entries(given).map(([name, value]) => [
          name,
          value.replace(/\$\{(\w+):-(\w*)\}/g, (_, variable: string, fallback: string) => set[variable] || fallback),
        ]),
      );
    expect(read('docker-compose.yml')).not.toMatch(/\$\{\w+(:?\?|\})/);
    expect(readConfig(withSet({}))).toMatchObject({ isProduction: false, gatewaySecrets: [], port: 8081 });
    expect(() => readConfig(withSet({ NODE_ENV: 'production' }))).toThrow('JWT_SECRET');
    const set = { NODE_ENV: 'production', JWT_SECRET: 'x'.repeat(32) };
    expect(readConfig(withSet(set))).toMatchObject({ isProduction: true, redis: { address: { kind: 'single' } } });
    expect(readSettings({ ...services.gateway.environment, GATEWAY_SECRET: '' })).toMatchObject({ secret: null });
  });

  it('publishes the service and the gateway on this machine only, and Redis to the service only', () => {
    const all = Object.entries<never>(services) as [string, { ports?: string[]; networks: string[] }][];
    expect(Object.fromEntries(all.flatMap(([name, { ports }]) => (ports ? [[name, ports]] : [])))).toEqual({
      'realtime-communication': ['127.0.0.1:8081:8081'],
      gateway: ['127.0.0.1:4000:4000'],
    });
    const reach = all.filter(([, { networks: mine }]) => mine.includes('store')).map(([name]) => name);
    expect(reach).toEqual(['realtime-communication', 'redis']);
    for (const [name, network] of Object.entries<{ internal: boolean } | null>(networks)) {
      expect([name, network?.internal ?? false]).toEqual([name, name !== 'edge']);
    }
    for (const [name, service] of all) expect([name, service]).toEqual([name, expect.objectContaining(HARDENED)]);
    // Nothing registers, and the secret goes to the subgraph whose it is.
    const { environment } = services.gateway;
    expect(Object.keys(environment)).toEqual(['GATEWAY_SECRET', 'SUBGRAPHS', 'PUBLIC_URL']);
    expect(readSettings({ ...environment, GATEWAY_SECRET: 'x'.repeat(16) })).toMatchObject({
      registrationToken: null,
    });
  });

  it('sets only known variables, on a read-only file system without capabilities', () => {
    const { environment, ...service } = services['realtime-communication'];
    for (const name of Object.keys(environment)) expect(VARIABLES).toHaveProperty(name);
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
    for (const { build } of Object.values<never>(services) as never[] as { build?: string | { dockerfile: string } }[])
      if (typeof build === 'object') expect(existsSync(new URL(build.dockerfile, ROOT))).toBe(true);
  });
});
