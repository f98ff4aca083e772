/** The disk of the embedded engine is full, or its file cannot grow. */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { type Program, startProgram } from '../support/process.ts';
import { type Data, SECRET } from '../support/service.ts';
import { type Endpoint, Load, post, tokenOf } from './load.ts';
import { measured } from './measured.ts';
import { createRandom } from './random.ts';
import { SEEDS, SIZE, TEST_MS } from './settings.ts';

const DISK = '64m';
const CREATE = 'mutation { createConversation(input: {id: "own"}) { id } }';
const SEND = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { sequence } }';
const READ = '{ conversation(id: "own") { lastSequence messages(last: 100) { edges { node { sequence } } } } }';

function mount(dir: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', dir]).status === 0;
}

/** Whether this machine lets us have a file system of our own. */
const CAN_MOUNT = ((): boolean => {
  const dir = mkdtempSync(join(tmpdir(), 'realtime-mount-'));
  const isMounted = mount(dir);
  if (isMounted) spawnSync('umount', [dir]);
  rmSync(dir, { recursive: true });
  return isMounted;
})();

describe.each(SEEDS)('a full disk, seed %i', (seed) => {
  let dir: string;
  let program: Program;
  let endpoint: Endpoint;
  let token: string;
  let load: Load;
  let stored: number;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'realtime-full-'));
  });
  afterEach(async () => {
    // Writers go on until they are heard: there has to be room.
    rmSync(join(dir, 'ballast'), { force: true });
    await load.close();
    await program.stop('SIGKILL');
    spawnSync('umount', [dir]);
    rmSync(dir, { recursive: true });
  });

  async function begin(): Promise<void> {
    const port = await freePort();
    const env = {
      HOST: '127.0.0.1',
      PORT: String(port),
      JWT_SECRET: SECRET,
      DATA_DIR: dir,
      RATE_LIMIT_ENABLED: 'false',
    };
    program = await startProgram('src/main.ts', { ...env, MAX_CONNECTIONS_PER_USER: '10000' }, /service started/);
    endpoint = { url: `http://127.0.0.1:${port}`, wsUrl: `ws://127.0.0.1:${port}/graphql` };
    token = await tokenOf('alice');
    await post(endpoint.url, token, CREATE, {});
    stored = 0;
    load = await Load.start([endpoint], createRandom(seed));
  }

  function limitFiles(bytes: string): void {
    const limited = spawnSync('prlimit', ['--pid', String(program.process.pid), `--fsize=${bytes}:unlimited`]);
    expect(limited.status).toBe(0);
  }

  const ask = (query: string, variables: object = {}): Promise<Data> => post(endpoint.url, token, query, variables);
  const send = (clientMessageId: string): Promise<Data> =>
    ask(SEND, { input: { conversationId: 'own', content: 'x', clientMessageId } });

  /** Sends under new keys until one is refused; that key. */
  const untilRefused = (): Promise<string> =>
    eventually(async () => {
      const key = randomUUID();
      const { data, errors } = await send(key);
      if (data?.sendMessage) {
        stored += 1;
        throw new Error(`${data.sendMessage.sequence} was stored.`);
      }
      expect(errors[0]?.extensions.code).toBe('SERVICE_UNAVAILABLE');
      return key;
    });

  /** The refused one comes next, under the next sequence, and no promise was broken. */
  async function goesOnAfter(key: string): Promise<number> {
    const startedAt = performance.now();
    const sequence = await eventually(async () => (await send(key)).data.sendMessage.sequence);
    expect(sequence).toBe(stored + 1);
    await load.goesOn();
    const healedMs = Math.round(performance.now() - startedAt);
    expect(await load.verdict()).toEqual([]);
    expect(load.closes()).toEqual([]);
    return healedMs;
  }

  (CAN_MOUNT ? it : it.skip)(
    'G03, F32: writes fail and leave nothing behind, reads continue, and writes succeed once there is room',
    async () => {
      expect(mount(dir)).toBe(true);
      await begin();
      const ballast = fill(join(dir, 'ballast'));
      const key = await untilRefused();
      const until = performance.now() + SIZE.faultMs;
      let reads = 0;
      while (performance.now() < until) {
        const { lastSequence, messages } = (await ask(READ)).data.conversation;
        expect(lastSequence).toBe(stored);
        expect(messages.edges.length).toBe(Math.min(stored, 100));
        expect((await send(key)).errors[0].extensions.code).toBe('SERVICE_UNAVAILABLE');
        reads += 1;
        await wait(50);
      }
      const detailed: Data = await (await fetch(`${endpoint.url}/health/detailed`)).json();
      expect(detailed.components.engine.circuit).toBe('closed');
      rmSync(join(dir, 'ballast'));
      const healedMs = await goesOnAfter(key);
      measured(
        'F32',
        `a disk of ${DISK}, ${(ballast / 1_048_576).toFixed(0)} MiB of it filled under load: ${reads} writes refused and as many reads answered; writes succeeded ${healedMs} ms after space was free, with the next sequence`,
      );
    },
    TEST_MS,
  );

  (CAN_MOUNT ? it : it.skip)(
    'F32: a process that starts on a full disk reports it and ends',
    async () => {
      expect(mount(dir)).toBe(true);
      await begin();
      await load.close();
      await program.stop('SIGKILL');
      fill(join(dir, 'ballast'));
      const env = { PORT: '0', JWT_SECRET: SECRET, DATA_DIR: dir };
      program = await startProgram('src/main.ts', env, /cannot start: .*cannot be used \(database or disk is full\)/);
      await eventually(() => expect(program.process.exitCode).toBe(1));
    },
    TEST_MS,
  );

  it(
    'G14, F32: a file that cannot grow is an outage: writes fail until it can grow again',
    async () => {
      await begin();
      let key: string;
      limitFiles('4096');
      try {
        key = await untilRefused();
        await wait(SIZE.faultMs);
      } finally {
        limitFiles('unlimited');
      }
      await goesOnAfter(key);
    },
    TEST_MS,
  );
});

/** Writes until there is no room; answers how much there was. */
function fill(path: string): number {
  const file = openSync(path, 'w');
  let bytes = 0;
  for (const chunk of [Buffer.alloc(65_536), Buffer.alloc(4_096)]) {
    try {
      for (;;) bytes += writeSync(file, chunk);
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' });
    }
  }
  closeSync(file);
  return bytes;
}
