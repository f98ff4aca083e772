/**
 * The settings that this service needs of a Redis server, checked at the start, every minute
 * and after each reconnect.
 *
 * A setting that breaks a guarantee is refused by name; one that weakens a guarantee is a warning.
 */
import { Cluster, type Redis } from 'ioredis';
import type { Clock } from '../../clock.ts';
import { TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { RedisClient } from './client.ts';
import { pairsOf } from './pairs.ts';
import { StartRefused } from './start-fault.ts';

export interface Finding {
  /** `refuse`: a guarantee would not hold. */
  readonly kind: 'refuse' | 'warn';
  readonly setting: string;
  readonly found: string;
  readonly wanted: string;
}

const LEAST_VERSION = 7;
/** Bytes of announcements that Redis holds for a node that does not read, before it cuts it off. */
const LEAST_PUBSUB_BUFFER = 8 * 1024 * 1024;

const SETTINGS = ['maxmemory', 'maxmemory-policy', 'appendonly', 'save', 'client-output-buffer-limit', 'timeout'];

/** The faults of these settings, as given by `CONFIG GET`. */
export function findingsOf(settings: ReadonlyMap<string, string>): Finding[] {
  const get = (name: string): string => settings.get(name) ?? '';
  const findings: Finding[] = [];
  const add = (kind: Finding['kind'], setting: string, wanted: string): void => {
    findings.push({ kind, setting, found: get(setting), wanted });
  };
  const policy = get('maxmemory-policy');
  if (policy !== '' && policy !== 'noeviction') {
    // Without `maxmemory` nothing is evicted now, but would be once it is set.
    const evicts = Number(get('maxmemory')) > 0;
    add(evicts ? 'refuse' : 'warn', 'maxmemory-policy', 'noeviction: an evicted key is a lost conversation (G01, G04)');
  }
  if (get('appendonly') === 'no') {
    const wanted = 'yes: a restart loses what came after the last snapshot (G01)';
    if (get('save') === '') add('warn', 'save', 'appendonly yes: nothing is kept over a restart (G01)');
    else add('warn', 'appendonly', wanted);
  }
  const [, hard] = /pubsub (\d+)/.exec(get('client-output-buffer-limit')) ?? [];
  if (hard !== undefined && (Number(hard) === 0 || Number(hard) < LEAST_PUBSUB_BUFFER)) {
    add('warn', 'client-output-buffer-limit', 'pubsub 32mb 8mb 60: none fills Redis, a small one cuts nodes off');
  }
  if (!['', '0'].includes(get('timeout'))) add('warn', 'timeout', '0: Redis closes what is quiet');
  return findings;
}

/** A section of INFO, as names and values. */
async function readInfo(node: Redis, section: string): Promise<ReadonlyMap<string, string>> {
  const lines = (await node.info(section)).split('\r\n');
  return new Map(lines.map((line) => line.split(':', 2)).map(([name = '', value = '']) => [name, value]));
}

async function versionFinding(node: Redis): Promise<Finding | null> {
  const found = (await readInfo(node, 'server')).get('redis_version') ?? 'unknown';
  if (Number.parseInt(found, 10) >= LEAST_VERSION) return null;
  return { kind: 'refuse', setting: 'redis_version', found, wanted: '7 or later, for sharded pub/sub' };
}

/** Where CONFIG is forbidden, as on managed services, INFO has the settings that break a guarantee. */
async function readSettings(node: Redis): Promise<ReadonlyMap<string, string>> {
  try {
    const flat = (await node.config('GET', ...(SETTINGS as [string]))) as string[];
    return new Map(pairsOf(flat));
  } catch {
    const [memory, persistence] = [await readInfo(node, 'memory'), await readInfo(node, 'persistence')];
    return new Map([
      ['maxmemory', memory.get('maxmemory') ?? ''],
      ['maxmemory-policy', memory.get('maxmemory_policy') ?? ''],
      ['appendonly', persistence.get('aof_enabled') === '0' ? 'no' : 'yes'],
      ['save', 'unknown'],
    ]);
  }
}

/** The memory of all primaries, in bytes. `limit` 0: one of them has none. */
export interface RedisMemory {
  readonly used: number;
  readonly limit: number;
}

async function readMemory(nodes: readonly Redis[]): Promise<RedisMemory> {
  let [used, limit, isLimited] = [0, 0, true];
  for (const node of nodes) {
    const memory = await readInfo(node, 'memory');
    const most = Number(memory.get('maxmemory') ?? 0);
    used += Number(memory.get('used_memory') ?? 0);
    limit += most;
    isLimited &&= most > 0;
  }
  return { used, limit: isLimited ? limit : 0 };
}

const primariesOf = (client: RedisClient): Redis[] => (client instanceof Cluster ? client.nodes('master') : [client]);

/** The present faults of the servers, each setting once. */
async function findAll(nodes: readonly Redis[]): Promise<Finding[]> {
  const found = new Map<string, Finding>();
  for (const node of nodes) {
    const version = await versionFinding(node);
    for (const finding of [...(version ? [version] : []), ...findingsOf(await readSettings(node))]) {
      found.set(`${finding.setting} ${finding.found}`, finding);
    }
  }
  return [...found.values()];
}

const textOf = ({ setting, found, wanted }: Finding): string => `${setting} is ${found}; wanted: ${wanted}`;

/** Checks the settings of Redis at intervals, since an operator or a failover may change them. */
export class Requirements {
  readonly #client: RedisClient;
  readonly #isEnforced: boolean;
  readonly #log: Log;
  readonly #onMemory: (memory: RedisMemory) => void;
  #findings: readonly Finding[] = [];

  /** `onMemory` is called at each check. */
  constructor(client: RedisClient, isEnforced: boolean, log: Log, onMemory: (memory: RedisMemory) => void) {
    this.#client = client;
    this.#isEnforced = isEnforced;
    this.#log = log;
    this.#onMemory = onMemory;
  }

  /** The fault that breaks a guarantee, when such faults are refused; null: none. */
  get fault(): string | null {
    const refused = this.#findings.filter(({ kind }) => kind === 'refuse' && this.#isEnforced);
    return refused.length > 0 ? refused.map(textOf).join('; ') : null;
  }

  /** @throws {StartRefused} naming every setting that breaks a guarantee, when that is refused. */
  async enforce(): Promise<void> {
    await this.check();
    if (this.fault === null) return;
    const list = this.#findings.filter(({ kind }) => kind === 'refuse').map((each) => `  ${textOf(each)}`);
    throw new StartRefused(
      `Redis is not set up for this service (REDIS_CHECKS=warn starts anyway):\n${list.join('\n')}`,
    );
  }

  /** Checks every minute and after each reconnect. The returned function stops that. */
  watch(clock: Clock): () => void {
    // A server that is away is checked when it is back.
    const check = (): void => void this.check().catch(() => undefined);
    const stop = clock.every(TIMES.requirementsMs, check);
    this.#client.on('ready', check);
    return () => {
      stop();
      this.#client.off('ready', check);
    };
  }

  /** Checks, and logs findings that are new since the previous check. */
  async check(): Promise<void> {
    const nodes = primariesOf(this.#client);
    const found = await findAll(nodes);
    this.#onMemory(await readMemory(nodes));
    const known = new Set(this.#findings.map(textOf));
    this.#findings = found;
    for (const finding of this.#findings) {
      const { setting, found, wanted } = finding;
      if (!known.has(textOf(finding))) this.#log.warn({ setting, found, wanted }, 'Redis setting weakens a guarantee');
    }
  }
}
