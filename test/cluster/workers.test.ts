/** Several processes that share one port: `WORKERS`. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { replacedAfterMs } from '../../src/workers/primary.ts';
import { Load, tokenOf } from '../faults/load.ts';
import { createRandom } from '../faults/random.ts';
import { eventually, NoLonger } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { metric } from '../support/metrics.ts';
import { type Program, startProgram } from '../support/process.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { type Data, SECRET } from '../support/service.ts';
import { openSocket, type RawSocket } from '../support/socket.ts';

const WORKERS = 3;
const SOCKETS = 60;

describe('WORKERS: one command, several processes', () => {
  let redis: RedisServer;
  let program: Program | null = null;
  let url = '';
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterEach(async () => {
    await program?.stop('SIGKILL');
    program = null;
  });
  afterAll(() => redis.stop());

  const start = async (more: Readonly<Record<string, string>> = {}, sign = /service started/): Promise<Program> => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const env = {
      HOST: '127.0.0.1',
      PORT: String(port),
      REDIS_URL: redis.url,
      JWT_SECRET: SECRET,
      RATE_LIMIT_ENABLED: 'false',
      MAX_CONNECTIONS_PER_USER: '1000',
      DRAIN_WINDOW: '500ms',
      WORKERS: String(WORKERS),
      ...more,
    };
    program = await startProgram('src/main.ts', env, sign);
    return program;
  };
  /** Of the workers that run, by the processes of the system. */
  const pidsOf = ({ process: { pid } }: Program): number[] => {
    const listed = execFileSync('ps', ['-e', '-o', 'pid=,ppid=']).toString().trim().split('\n');
    return listed.flatMap((line) => {
      const [child, parent] = line.trim().split(/\s+/).map(Number);
      return child !== undefined && parent === pid ? [child] : [];
    });
  };
  const connect = async (tenant?: string): Promise<RawSocket> => {
    const socket = await openSocket(`${url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws']);
    socket.send({ type: 'connection_init', payload: { token: await tokenOf('alice', tenant) } });
    await socket.frame(0);
    return socket;
  };

  it('sockets are spread evenly, metrics cover all workers, and a killed worker is replaced', async () => {
    const running = await start({ MAX_CONNECTIONS: '300' });
    const sockets: RawSocket[] = [];
    for (let n = 0; n < SOCKETS; n += 1) sockets.push(await connect());
    expect(await metric(url, 'realtime_connections{transport="graphql_ws"}')).toBe(SOCKETS);
    expect(await metric(url, 'realtime_workers')).toBe(WORKERS);
    expect(await metric(url, 'realtime_connections_capacity')).toBe(300);
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(text.match(/^realtime_build_info\{.*\} 1$/gm)).toHaveLength(WORKERS);
    expect(text.match(/^# HELP realtime_connections /gm)).toHaveLength(1);
    let closed = 0;
    for (const { socket } of sockets) socket.on('close', () => (closed += 1));
    const [first = 0] = pidsOf(running);
    process.kill(first, 'SIGKILL');
    await eventually(async () => {
      expect(await metric(url, 'realtime_worker_deaths_total')).toBe(1);
      expect(await metric(url, 'realtime_workers')).toBe(WORKERS);
    });
    await eventually(async () =>
      expect(await metric(url, 'realtime_connections{transport="graphql_ws"}')).toBe(SOCKETS - closed),
    );
    // A worker that is still at the last connection is not given the next.
    expect(closed).toBeGreaterThanOrEqual(SOCKETS / WORKERS / 2);
    expect(closed).toBeLessThanOrEqual((SOCKETS / WORKERS) * 2);
    await eventually(() => expect(running.output).toContain('worker died'));
    for (const { socket } of sockets) socket.terminate();
  });

  it('G06: clients of a killed worker resume at another, with nothing missing and nothing twice', async () => {
    const running = await start();
    const endpoint = { url, wsUrl: `${url.replace('http', 'ws')}/graphql` };
    const load = await Load.start([endpoint], createRandom(1));
    try {
      const [first = 0] = pidsOf(running);
      process.kill(first, 'SIGKILL');
      await load.goesOn();
      expect(await load.verdict()).toEqual([]);
      expect(load.history.heard.filter(({ closes }) => closes.length > 0)).not.toEqual([]);
    } finally {
      await load.close();
    }
  });

  it('no counter goes back while a worker hangs, is dead, and is replaced', async () => {
    const running = await start();
    const sockets: RawSocket[] = [];
    for (let n = 0; n < SOCKETS; n += 1) sockets.push(await connect());
    await Promise.all(
      sockets.map(async (socket) => {
        socket.send({ id: '1', type: 'subscribe', payload: { query: '{ conversation(id: "") { id } }' } });
        await socket.frame(1);
      }),
    );
    /** By series. Those of an event loop are gauges. */
    const counters = async (): Promise<Map<string, number>> => {
      const signal = AbortSignal.timeout(5_000);
      const text = await (await fetch(`${url}/metrics`, { signal, headers: { connection: 'close' } })).text();
      const names = new Set([...text.matchAll(/^# TYPE (\w+) (?:counter|histogram)$/gm)].map(([, name]) => name));
      const lines = [...text.matchAll(/^(\w+)(\{.*\})? (\S+)$/gm)];
      return new Map(
        lines
          .filter(([, name = '']) => names.has(name.replace(/_(?:bucket|sum|count)$/, '')) || names.has(name))
          .map(([, name, labels = '', value]) => [name + labels, Number(value)]),
      );
    };
    let before = await counters();
    expect(before.get('realtime_errors_total{code="BAD_USER_INPUT"}')).toBe(SOCKETS);
    const workers = async (): Promise<number> => {
      const now = await counters();
      const back = [...before].filter(([series, value]) => !((now.get(series) ?? 0) >= value));
      if (back.length > 0) throw new NoLonger(`Went back: ${back.map(([series]) => series).join(', ')}`);
      before = now;
      return metric(url, 'realtime_workers');
    };
    const [first = 0] = pidsOf(running);
    process.kill(first, 'SIGSTOP');
    await eventually(async () => expect(await workers()).toBe(WORKERS - 1));
    process.kill(first, 'SIGCONT');
    await eventually(async () => expect(await workers()).toBe(WORKERS));
    process.kill(first, 'SIGKILL');
    await eventually(async () => {
      expect(await workers()).toBe(WORKERS);
      expect(before.get('realtime_worker_deaths_total')).toBe(1);
    });
    expect(before.get('realtime_errors_total{code="BAD_USER_INPUT"}')).toBe(SOCKETS);
    for (const { socket } of sockets) socket.terminate();
  });

  it('/health/detailed covers all workers: the others report one that does not answer, until it recovers', async () => {
    const running = await start();
    const [first = 0] = pidsOf(running);
    /** A connection that is given to the one that stands still is never answered. */
    const ask = async (path: string): Promise<{ status: number; body: Data }> => {
      const response = await fetch(`${url}${path}`, {
        signal: AbortSignal.timeout(5_000),
        headers: { connection: 'close' },
      });
      return { status: response.status, body: await response.json() };
    };
    const statesOf = ({ body }: { body: Data }): string[] =>
      body.components.workers.map(({ status }: Data) => status).sort();
    const well = await ask('/health/detailed');
    expect([well.status, well.body.status, statesOf(well)]).toEqual([200, 'ok', ['ok', 'ok', 'ok']]);
    process.kill(first, 'SIGSTOP');
    await eventually(async () => expect((await ask('/health/ready')).status).toBe(503));
    await eventually(async () => {
      const told = await ask('/health/detailed');
      expect([told.status, statesOf(told)]).toEqual([503, ['ok', 'ok', 'silent']]);
    });
    process.kill(first, 'SIGCONT');
    await eventually(async () => expect((await ask('/health/ready')).status).toBe(200));
  });

  it('SIGTERM drains all workers: each socket is closed with 1012, and no process remains', async () => {
    const running = await start();
    const sockets = await Promise.all(Array.from({ length: 12 }, connect));
    const workers = pidsOf(running);
    expect(workers).toHaveLength(WORKERS);
    running.process.kill('SIGTERM');
    const [code] = await once(running.process, 'exit');
    expect(await Promise.all(sockets.map(({ closed }) => closed))).toEqual(sockets.map(() => 1012));
    expect(code).toBe(0);
    for (const pid of workers) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  it('a failed start is reported once, and no process remains', async () => {
    const running = await start({ REDIS_URL: `${redis.url}/99` }, /database 99/);
    expect(await running.ended).toBe(1);
    expect(running.output.match(/REDIS_URL names database 99/g)).toHaveLength(1);
  });

  it('F48: without the engine it is alive and not ready, and SIGTERM ends it', async () => {
    const running = await start({ REDIS_URL: `redis://127.0.0.1:${await freePort()}` }, /"listening"/);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    expect((await fetch(`${url}/health/ready`)).status).toBe(503);
    running.process.kill('SIGTERM');
    expect(await running.ended).toBe(0);
  });

  it('a worker that keeps dying is restarted after growing delays, up to half a minute', () => {
    expect([1, 2, 3, 9, 10, 1_000].map(replacedAfterMs)).toEqual([100, 200, 400, 25_600, 30_000, 30_000]);
  });

  it('the tenants that metrics name, and their number, are those of all workers', async () => {
    await start({ METRICS_TENANTS: '2' });
    const sockets: RawSocket[] = [];
    // Each worker gets a socket of each tenant, and no two workers see the tenants in the same order.
    const tenants = ['acme', 'bolt', 'cargo', 'delta'];
    for (let n = 0; n < WORKERS * tenants.length; n += 1) sockets.push(await connect(tenants[n % tenants.length]));
    const text = await (await fetch(`${url}/metrics`)).text();
    const named = [...text.matchAll(/^realtime_tenant_connections\{tenant="(\w+)"\} (\d+)$/gm)];
    const [first = [], second = []] = named.filter(([, tenant]) => tenant !== 'other');
    expect(named).toHaveLength(3);
    expect([first[2], second[2]]).toEqual(['3', '3']);
    expect(text).toContain('realtime_tenant_connections{tenant="other"} 6');
    for (const { socket } of sockets) socket.terminate();
  });

  it('G15: the admin port answers for all workers to the end of a drain', async () => {
    const port = await freePort();
    const admin = `http://127.0.0.1:${port}`;
    const running = await start({ ADMIN_PORT: String(port), DRAIN_WINDOW: '60s' });
    const sockets: RawSocket[] = [];
    for (let n = 0; n < 12; n += 1) sockets.push(await connect());
    running.process.kill('SIGTERM');
    await eventually(async () => expect((await fetch(`${admin}/health/ready`)).status).toBe(503));
    const paths = ['/metrics', '/info', '/health/detailed', '/health', '/health/ready'];
    const statuses = await Promise.all(paths.map(async (path) => (await fetch(admin + path)).status));
    expect(statuses).toEqual([200, 200, 200, 200, 503]);
    expect(await metric(admin, 'realtime_connections{transport="graphql_ws"}')).toBeGreaterThan(0);
    expect(await metric(admin, 'realtime_workers')).toBe(WORKERS);
    for (const { socket } of sockets) socket.terminate();
    await running.ended;
  });

  it('the admin port answers for all workers; workers end with their parent process', async () => {
    const port = await freePort();
    const running = await start({ ADMIN_PORT: String(port) });
    const workers = pidsOf(running);
    expect(await metric(`http://127.0.0.1:${port}`, 'realtime_workers')).toBe(WORKERS);
    expect((await fetch(`${url}/metrics`)).status).toBe(404);
    await running.stop('SIGKILL');
    await eventually(() => {
      for (const pid of workers) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    });
  });
});
