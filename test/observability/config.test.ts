import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { VARIABLES } from '../../src/config/variables.ts';
import { ConfigError, readConfig } from '../../src/config.ts';

const faultsOf = (environment: Record<string, string>): readonly string[] => {
  try {
    readConfig(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map((fault) => fault.split(':')[0] ?? '');
    throw error;
  }
};

describe('configuration', () => {
  it('needs no variables in development', () => {
    expect(readConfig({})).toMatchObject({
      isProduction: false,
      port: 8_081,
      redis: null,
      heartbeatIntervalMs: 30_000,
      maxMessageBytes: 131_072,
      messageRetention: null,
    });
  });

  it('reads durations, sizes and lists', () => {
    expect(
      readConfig({
        HEARTBEAT_INTERVAL: '500ms',
        CLIENT_TIMEOUT: '2h',
        MAX_BODY_BYTES: '2MiB',
        REDIS_URL: 'redis://a:1,redis://b:2',
        MESSAGE_RETENTION: '100',
        ALLOWED_ORIGINS: 'https://a.example,http://b.example:8080',
        GATEWAY_SECRET: '',
      }),
    ).toMatchObject({
      heartbeatIntervalMs: 500,
      clientTimeoutMs: 7_200_000,
      maxBodyBytes: 2_097_152,
      redis: {
        address: {
          kind: 'cluster',
          hosts: [
            { host: 'a', port: 1 },
            { host: 'b', port: 2 },
          ],
        },
        prefix: 'rt',
      },
      messageRetention: 100,
      allowedOrigins: ['https://a.example', 'http://b.example:8080'],
      gatewaySecrets: [],
    });
  });

  it('WORKERS: more than one needs Redis', () => {
    const REDIS_URL = 'redis://localhost';
    expect(readConfig({ WORKERS: '8', REDIS_URL }).workers).toBe(8);
    expect(readConfig({ WORKERS: 'auto', REDIS_URL }).workers).toBe(availableParallelism());
    expect(readConfig({ WORKERS: '1' }).workers).toBe(1);
    expect(() => readConfig({ WORKERS: '2' })).toThrow('WORKERS: takes 1 without REDIS_URL');
    expect(['0', '-1', '1.5', '257', 'all'].map((WORKERS) => faultsOf({ WORKERS, REDIS_URL }))).toEqual(
      Array.from({ length: 5 }, () => ['WORKERS']),
    );
  });

  it('reports all faults at once, by variable', () => {
    expect(
      faultsOf({
        PORT: '70000',
        HEARTBEAT_INTERVAL: '30',
        MAX_BODY_BYTES: '1MB',
        REDIS_URL: 'http://x',
        REDIS_CLUSTER: 'yes',
        LOG_LEVEL: 'loud',
        JWT_SECRET: 'short',
        MESSAGE_RETENTION: '0',
        ALLOWED_ORIGINS: 'example.com',
        MAX_QUERY_DEPTH: '-1',
      }).toSorted(),
    ).toEqual([
      'ALLOWED_ORIGINS',
      'HEARTBEAT_INTERVAL',
      'JWT_SECRET',
      'LOG_LEVEL',
      'MAX_BODY_BYTES',
      'MAX_QUERY_DEPTH',
      'MESSAGE_RETENTION',
      'PORT',
      'REDIS_CLUSTER',
      'REDIS_URL',
    ]);
  });

  it('refuses values that would close every healthy socket or admit no client', () => {
    expect(faultsOf({ HEARTBEAT_INTERVAL: '5s', CLIENT_TIMEOUT: '3s' })).toEqual(['CLIENT_TIMEOUT']);
    expect(faultsOf({ HEARTBEAT_INTERVAL: '5s', CLIENT_TIMEOUT: '5s' })).toEqual(['CLIENT_TIMEOUT']);
    expect(faultsOf({ CLIENT_TIMEOUT: '0s' })).toContain('CLIENT_TIMEOUT');
    expect(faultsOf({ HEARTBEAT_INTERVAL: '0ms' })).toContain('HEARTBEAT_INTERVAL');
    expect(faultsOf({ KEEP_ALIVE: '0s' })).toEqual(['KEEP_ALIVE']);
  });

  const at = (host: string, port: number) => ({ host, port });
  const redisOf = (env: Record<string, string>) => readConfig(env).redis?.address;

  it.each([
    ['redis://a', { kind: 'single', hosts: [at('a', 6_379)], database: 0, isEncrypted: false, password: '' }],
    ['redis://a/', { kind: 'single', database: 0 }],
    [
      'rediss://u%40x:p%2Fq@[::1]:7/15',
      { hosts: [at('::1', 7)], username: 'u@x', password: 'p/q', database: 15, isEncrypted: true },
    ],
    [
      'redis://a:1, redis://:secret@b',
      {
        kind: 'cluster',
        hosts: [at('a', 1), at('b', 6_379)],
        password: 'secret',
      },
    ],
    ['redis+sentinel://a/main', { kind: 'sentinel', group: 'main', hosts: [at('a', 26_379)], database: 0 }],
    [
      'rediss+sentinel://:p@a:1,b/main/3',
      {
        kind: 'sentinel',
        hosts: [at('a', 1), at('b', 26_379)],
        group: 'main',
        password: 'p',
        database: 3,
        isEncrypted: true,
      },
    ],
  ])('reads the address of Redis from %s', (url, expected) => {
    expect(redisOf({ REDIS_URL: url })).toMatchObject(expected);
  });

  it.each([
    'redis://a/abc',
    'redis://a/-1',
    'redis://a/1/2',
    'redis://a/12345',
    'redis://a?db=1',
    'redis://:%zz@a',
    'redis://%zz:p@a',
    'redis+sentinel://:%zz@a/main',
    'redis://',
    'redis://a:1,rediss://b:1',
    'redis://a:1,http://b:1',
    'redis://a:1/1,redis://b:1/1',
    'redis://a:1,,redis://b:1',
    'redis+sentinel://a:1',
    'redis+sentinel://a:1/main/x',
    'redis+sentinel://a:1,/main',
    'http+sentinel://a:1/main',
  ])('REDIS_URL refuses %s', (url) => {
    expect(faultsOf({ REDIS_URL: url })).toEqual(['REDIS_URL']);
  });

  it('a cluster allows only database 0, and a certificate needs its key', () => {
    expect(redisOf({ REDIS_URL: 'redis://a', REDIS_CLUSTER: 'true' })).toMatchObject({ kind: 'cluster' });
    expect(faultsOf({ REDIS_URL: 'redis://a/1', REDIS_CLUSTER: 'true' })).toEqual(['REDIS_CLUSTER']);
    expect(faultsOf({ REDIS_URL: 'redis+sentinel://a/m', REDIS_CLUSTER: 'true' })).toEqual(['REDIS_CLUSTER']);
    expect(faultsOf({ REDIS_URL: 'rediss://a', REDIS_CERT_FILE: 'package.json' })).toEqual(['REDIS_CERT_FILE']);
  });

  it('reads secrets from files', () => {
    const folder = mkdtempSync(join(tmpdir(), 'realtime-secrets-'));
    const secretFile = join(folder, 'secret');
    writeFileSync(secretFile, `${'s'.repeat(32)}\n`);
    expect(readConfig({ NODE_ENV: 'production', JWT_SECRET_FILE: secretFile }).jwt.secrets).toEqual(['s'.repeat(32)]);
    expect(readConfig({ GATEWAY_SECRET_FILE: secretFile }).gatewaySecrets).toEqual(['s'.repeat(32)]);
    expect(faultsOf({ JWT_SECRET: 'x'.repeat(32), JWT_SECRET_FILE: secretFile })).toEqual(['JWT_SECRET_FILE']);
    expect(faultsOf({ NODE_ENV: 'production', JWT_SECRET_FILE: join(folder, 'none') })).toEqual(['JWT_SECRET_FILE']);
    expect(faultsOf({ JWT_SECRET_FILE: folder })).toEqual(['JWT_SECRET_FILE']);
    // What a file holds is held to the same rule.
    expect(faultsOf({ REDIS_URL_FILE: secretFile })).toEqual(['REDIS_URL']);
    rmSync(folder, { recursive: true });
  });

  it('warns about misspelled variables of the service, and about no others', () => {
    const known = Object.keys(VARIABLES);
    const warningsOf = (name: string) => readConfig({ [name]: '5' }).warnings;
    expect(warningsOf('MAX_CONECTIONS')).toEqual([
      'MAX_CONECTIONS is unknown and ignored. Did you mean MAX_CONNECTIONS?',
    ]);
    for (const name of known.filter(({ length }) => length >= 5)) {
      const slip = `${name.slice(0, 2)}${name.slice(3)}`;
      if (!known.includes(slip))
        expect([slip, warningsOf(slip)]).toEqual([slip, [expect.stringContaining(' is unknown and ignored. ')]]);
    }
    // Kubernetes names services so, and every shell has these.
    for (const name of ['PATH', 'HOME', 'HOSTNAME', 'REDIS_PORT', 'REDIS_SERVICE_HOST', 'SHELL', 'LANG', 'TERM', 'PWD'])
      expect(warningsOf(name)).toEqual([]);
    expect(readConfig({}).warnings).toEqual([]);
  });

  it('production needs a key, and no wildcard origin', () => {
    expect(faultsOf({ NODE_ENV: 'production', ALLOWED_ORIGINS: '*' })).toEqual(['JWT_SECRET', 'ALLOWED_ORIGINS']);
    expect(faultsOf({ NODE_ENV: 'production', JWT_JWKS_URL: 'https://x/jwks' })).toEqual([]);
    expect(faultsOf({ NODE_ENV: 'production', JWT_SECRET: 'x'.repeat(32) })).toEqual([]);
  });
});
