/**
 * What this service asks of a Redis server, looked at once at the start.
 *
 * What breaks a guarantee is refused by name; what weakens one is warned of. A
 * server whose settings may not be read is taken as it is, with a warning.
 */

import { Cluster, type Redis } from 'ioredis';
import type { Log } from '../../log.ts';
import type { RedisClient } from './client.ts';

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

/** What is wrong with these settings, as `CONFIG GET` tells them. */
export function findingsOf(settings: ReadonlyMap<string, string>): Finding[] {
  const get = (name: string): string => settings.get(name) ?? '';
  const findings: Finding[] = [];
  const add = (kind: Finding['kind'], setting: string, wanted: string): void => {
    findings.push({ kind, setting, found: get(setting), wanted });
  };
  const policy = get('maxmemory-policy');
  if (policy !== '' && policy !== 'noeviction') {
    // Without a cap of memory nothing is evicted; it would be with one.
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

async function versionFinding(node: Redis): Promise<Finding | null> {
  const found = /redis_version:(\S+)/.exec(await node.info('server'))?.[1] ?? 'unknown';
  if (Number.parseInt(found, 10) >= LEAST_VERSION) return null;
  return { kind: 'refuse', setting: 'redis_version', found, wanted: '7 or later, for sharded pub/sub' };
}

async function readSettings(node: Redis, log: Log): Promise<ReadonlyMap<string, string>> {
  try {
    const flat = (await node.config('GET', ...(SETTINGS as [string]))) as string[];
    return new Map(flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? ''] as const] : [])));
  } catch (error) {
    log.warn({ reason: (error as Error).message }, 'the settings of Redis cannot be read and were not checked');
    return new Map();
  }
}

/** @throws {Error} naming every setting that breaks a guarantee, when `isEnforced`. */
export async function checkRequirements(client: RedisClient, isEnforced: boolean, log: Log): Promise<void> {
  const nodes = client instanceof Cluster ? client.nodes('master') : [client];
  const refused = new Map<string, string>();
  for (const node of nodes) {
    const version = await versionFinding(node);
    const findings = [...(version ? [version] : []), ...findingsOf(await readSettings(node, log))];
    for (const { kind, setting, found, wanted } of findings) {
      log.warn({ setting, found, wanted }, 'a setting of Redis');
      if (kind === 'refuse') refused.set(setting, `${setting} is ${found}; wanted: ${wanted}`);
    }
  }
  if (isEnforced && refused.size > 0) {
    const list = [...refused.values()].map((each) => `  ${each}`).join('\n');
    throw new Error(`Redis is not set up for this service (REDIS_CHECKS=warn starts anyway):\n${list}`);
  }
}
