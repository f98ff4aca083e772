/** The configurations in deploy/gateways, and docs/federation.md, name only things that exist. */
import { execFile } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { gatewayLimitRows } from '../../scripts/gateway-limits.ts';
import { configurationRows } from '../../scripts/tables.ts';
import { createUrlCheck } from '../../src/access/allowed-urls.ts';
import { ERROR_CODES } from '../../src/errors.ts';
import { SCHEMAS } from './router-schemas.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const GATEWAYS = join(ROOT, 'deploy/gateways');
const read = (path: string): string => readFileSync(path, 'utf8');
const files = globSync('**/*.{yaml,ts,md}', { cwd: GATEWAYS });
const run = promisify(execFile);

/** Every URL in a text. */
const urls = (text: string): URL[] =>
  [...text.matchAll(/\b(?:https?|wss?):\/\/[\w.:/-]+/g)].map(([url]) => new URL(url));

describe('deploy/gateways', () => {
  it.each(files)('%s names subgraphs, paths, headers and variables that exist', (file) => {
    const text = read(join(GATEWAYS, file));
    if (file.endsWith('.yaml')) expect(parse(text)).toBeInstanceOf(Object);
    for (const { hostname, port, pathname } of urls(text)) {
      if (hostname === 'realtime') expect(`${port}${pathname}`).toBe('8081/graphql');
      else if (hostname === 'users') expect(`${port}${pathname}`).toBe('4001/graphql');
      else if (hostname === 'localhost') expect(['4001/graphql', '8081/graphql']).toContain(`${port}${pathname}`);
      else expect(`${port}${pathname}`).toBe('4000/callback');
    }
    for (const [name] of text.matchAll(/\b(?:GATEWAY|CALLBACK)_[A-Z_]+/g))
      expect(configurationRows().join()).toContain(`\`${name}\``);
    for (const [name] of text.matchAll(/router-auth\w*/gi)) expect(name.toLowerCase()).toBe('router-authorization');
  });

  it.each(files.filter((file) => file.endsWith('.yaml')))('%s has only settings that its router knows', (file) => {
    const [, schema] = Object.entries(SCHEMAS).find(([prefix]) => file.startsWith(prefix)) ?? [];
    const ajv = new Ajv({ allErrors: true });
    expect(ajv.validate(schema ?? false, parse(read(join(GATEWAYS, file)))) ? [] : ajv.errors).toEqual([]);
  });

  it.each(globSync('{hive-router/*,cosmo-router/config}.yaml', { cwd: GATEWAYS }))(
    '%s: accepts WebSockets of clients, with the token of their payload',
    (file) => {
      const { websocket: socket } = parse(read(join(GATEWAYS, file)));
      const ofPayload = { from_initial_payload: { enabled: true, export_token: { header_key: 'Authorization' } } };
      const token = file.startsWith('hive') ? { headers: { source: 'connection' } } : { authentication: ofPayload };
      expect(socket).toMatchObject({ enabled: true, ...token });
    },
  );

  it('Hive Gateway reads the subgraph’s stream before its client does, and loses no event', async () => {
    const { subscriptionsInWords } = await import(join(GATEWAYS, 'hive-gateway/subscriptions.ts'));
    let asked = 0;
    const next = async () => ({ done: false, value: { data: { asked: ++asked } } });
    const results = { next, [Symbol.asyncIterator]: () => results };
    let execute = async (_request: object): Promise<AsyncIterator<unknown>> => ({ next });
    subscriptionsInWords(() => null).onSubgraphExecute({
      executionRequest: { operationType: 'subscription' },
      executor: async () => results,
      setExecutor: (given: typeof execute) => {
        execute = given;
      },
    });
    const told = await execute({});
    expect(asked).toBe(1);
    for (const n of [1, 2]) expect(await told.next()).toEqual({ done: false, value: { data: { asked: n } } });
  });

  const ENOUGH = 10_000;
  const config = (file: string): Record<string, never> => parse(read(join(GATEWAYS, file)));

  it.each(globSync('hive-router/*.yaml', { cwd: GATEWAYS }))(
    '%s: holds many subscriptions, and masks no error',
    (file) => {
      const { traffic_shaping: shaping, error_masking: masking } = config(file) as never;
      expect((shaping as { router: { max_long_lived_clients: number } }).router.max_long_lived_clients).toBeGreaterThan(
        ENOUGH,
      );
      expect(masking).toEqual({ subgraphs: { realtime: { enabled: false } } });
    },
  );

  it.each(globSync('apollo-router/*.yaml', { cwd: GATEWAYS }))('%s: redacts no error of this service', (file) => {
    expect(config(file)['include_subgraph_errors']).toEqual({ all: false, subgraphs: { realtime: true } });
  });

  it('cosmo-router/config.yaml: holds any number of connections, and passes errors on unchanged', () => {
    expect(config('cosmo-router/config.yaml')).toMatchObject({
      traffic_shaping: { all: { max_conns_per_host: 0 } },
      subgraph_error_propagation: { mode: 'pass-through', allow_all_extension_fields: true },
    });
  });

  it.each(['apollo-router/callback.yaml', 'hive-router/callback.yaml'])('%s: CALLBACK_ALLOWED_URLS fits', (file) => {
    const text = read(join(GATEWAYS, file));
    const [, allowed = ''] = /CALLBACK_ALLOWED_URLS=(\S+)/.exec(text) ?? [];
    const { subscription, subscriptions } = parse(text);
    const { public_url: publicUrl, path } = subscription?.mode.callback ?? subscriptions.callback;
    expect(createUrlCheck([allowed])(`${publicUrl}/5e0b`)).toBe(true);
    expect(new URL(publicUrl).pathname).toBe(path);
  });

  it.each(['sse', 'ws', 'callback'])(
    'Hive Gateway, %s: the transport is the same as in the example gateway',
    async (mode) => {
      // Where its imports are found.
      const dir = mkdtempSync(join(ROOT, 'examples/gateway/deploy-'));
      try {
        cpSync(join(GATEWAYS, 'hive-gateway'), dir, { recursive: true });
        // In a process of its own, for the types of the gateway's folder are not those of this one.
        const script = `
        const { gatewayConfig } = await import('${dir}/gateway.config.ts');
        const { readSettings } = await import('${dir}/../settings.ts');
        const { transportEntry } = await import('${dir}/../transports.ts');
        const settings = readSettings({ ...process.env, PUBLIC_URL: 'http://gateway:4000' });
        const runs = transportEntry(settings);
        console.log(JSON.stringify({ runs, deployed: gatewayConfig.transportEntries.realtime }));`;
        const env = { ...process.env, SUBSCRIPTION_MODE: mode };
        const { stdout } = await run(process.execPath, ['--no-warnings', '--input-type=module', '-e', script], { env });
        const { runs, deployed } = JSON.parse(stdout);
        expect(deployed).toEqual(runs);
      } finally {
        rmSync(dir, { recursive: true });
      }
    },
  );
});

/** Names that are no variables of the service: its own codes, the example gateway's mode, and what routers and composers say. */
const CODES = new RegExp(
  `^(${[...Object.keys(ERROR_CODES), 'SLOW_READER', 'SUBSCRIPTION_MODE', 'INCONSISTENT_DESCRIPTION', 'DOWNSTREAM_SERVICE_ERROR', 'SUBGRAPH_\\w+', 'SUBREQUEST_HTTP_ERROR'].join('|')})$`,
);

describe('docs/federation.md', () => {
  const text = read(join(ROOT, 'docs/federation.md'));

  it('names only scripts and variables that exist', () => {
    const { scripts } = JSON.parse(read(join(ROOT, 'package.json')));
    for (const [, name = ''] of text.matchAll(/npm run (?:--silent )?([\w:]+)/g))
      expect(scripts).toHaveProperty([name]);
    for (const [, name = ''] of text.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g))
      if (!CODES.test(name)) expect(configurationRows().join()).toContain(`\`${name}\``);
  });

  it('says what each limit means behind a gateway, as the code does', () => {
    for (const row of gatewayLimitRows()) expect(text).toContain(row);
  });
});
