/** The stored presence data, for the search for the cause of a breach. */
import { Redis } from 'ioredis';
import type { TrialWorld } from './world.ts';

const PLACES = ['*}:presence', '*{nodes}*', '*{node.*}:connections'];
/** Of each place; trials have few users. */
const MOST = 100;

async function contentOf(client: Redis, key: string): Promise<unknown> {
  const type = await client.type(key);
  if (type === 'hash') return client.hgetall(key);
  if (type === 'zset') return client.zrange(key, '0', '-1', 'WITHSCORES');
  return type === 'set' ? client.smembers(key) : type;
}

async function* storedOn(client: Redis): AsyncGenerator<string> {
  for (const place of PLACES) {
    const keys = (await client.keys(place)).slice(0, MOST);
    for (const key of keys) yield `${key} ${JSON.stringify(await contentOf(client, key))}`;
  }
}

export async function evidenceOf({ servers }: TrialWorld): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const { url } of servers) {
    const client = new Redis(url);
    for await (const line of storedOn(client)) lines.push(line);
    client.disconnect();
  }
  return lines;
}
