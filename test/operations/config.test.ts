import { ConfigError, readConfig, VARIABLES } from '../../src/config.ts';

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
  it('needs nothing in development', () => {
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
      redis: { urls: ['redis://a:1', 'redis://b:2'], isCluster: true, prefix: 'rt' },
      messageRetention: 100,
      allowedOrigins: ['https://a.example', 'http://b.example:8080'],
      gatewaySecrets: [],
    });
  });

  it('reports every fault at once, by name', () => {
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

  it('refuses values that close every healthy socket, or admit nobody', () => {
    expect(faultsOf({ HEARTBEAT_INTERVAL: '5s', CLIENT_TIMEOUT: '3s' })).toEqual(['CLIENT_TIMEOUT']);
    expect(faultsOf({ HEARTBEAT_INTERVAL: '5s', CLIENT_TIMEOUT: '5s' })).toEqual(['CLIENT_TIMEOUT']);
    expect(faultsOf({ CLIENT_TIMEOUT: '0s' })).toContain('CLIENT_TIMEOUT');
    expect(faultsOf({ HEARTBEAT_INTERVAL: '0ms' })).toContain('HEARTBEAT_INTERVAL');
    expect(faultsOf({ KEEP_ALIVE: '0s' })).toEqual(['KEEP_ALIVE']);
  });

  it('speaks of variables that are almost ours, and of no others', () => {
    const known = Object.keys(VARIABLES);
    const warningsOf = (name: string) => readConfig({ [name]: '5' }).warnings;
    expect(warningsOf('MAX_CONECTIONS')).toEqual(['MAX_CONECTIONS is not read. Is MAX_CONNECTIONS meant?']);
    for (const name of known.filter(({ length }) => length >= 5)) {
      const slip = `${name.slice(0, 2)}${name.slice(3)}`;
      if (!known.includes(slip))
        expect([slip, warningsOf(slip)]).toEqual([slip, [expect.stringContaining(' is not read. ')]]);
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
