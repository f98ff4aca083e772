/** The Lua scripts of this folder as functions, one per file. */
import { readFileSync } from 'node:fs';
import { unavailable } from '../../errors.ts';
import type { RedisClient } from './client.ts';

/** How many keys each has. Told to ioredis, which takes the first argument after them for a key to route by otherwise. */
const KEY_COUNTS = {
  'add-members': 4,
  'append-message': 6,
  'change-message': 4,
  'claim-dead': 2,
  connect: 2,
  'create-conversation': 4,
  disconnect: 2,
  'mark-read': 3,
  react: 4,
  'read-conversation': 1,
  'read-log': 3,
  'read-presence': 1,
  'read-typing': 1,
  'remove-member': 5,
  'rename-conversation': 2,
  'renew-lease': 1,
  'set-role': 3,
  'set-status': 2,
  'set-typing': 3,
} as const;

export type ScriptName = keyof typeof KEY_COUNTS;
type Argument = string | number;
type Command = (...keysAndArgs: Argument[]) => Promise<unknown>;

/** Runs a script; rejects with SERVICE_UNAVAILABLE, the outcome then being unknown. */
export type RunScript = (name: ScriptName, keys: readonly string[], args: readonly Argument[]) => Promise<unknown>;

const source = (name: string): string => readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8');

export function defineScripts(client: RedisClient): RunScript {
  const prelude = source('prelude');
  const commands = new Map<string, Command>();
  for (const [name, numberOfKeys] of Object.entries(KEY_COUNTS)) {
    const command = `realtime:${name}`;
    client.defineCommand(command, { numberOfKeys, lua: `${prelude}\n${source(name)}` });
    const run = (client as unknown as Record<string, Command>)[command];
    if (run) commands.set(name, run.bind(client));
  }
  return async (name, keys, args) => {
    const command = commands.get(name);
    if (!command) throw new Error(`There is no script ${name}.`);
    try {
      return await command(...keys, ...args);
    } catch (error) {
      throw unavailable(error);
    }
  };
}
