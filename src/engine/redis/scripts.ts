/** The Lua scripts of this folder as functions, one per file. */
import { readFileSync } from 'node:fs';
import { unavailable } from '../../errors.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { RedisClient } from './client.ts';
import { definitionsOf, linked } from './linking.ts';
import { KEYS_OF_LIST } from './subject-keys.ts';

const NAMES = [
  'ack-events',
  'add-members',
  'advance-lists',
  'append-message',
  'append-text',
  'begin-consumer',
  'change-message',
  'claim-dead',
  'claim-walk',
  'conclude-reservation',
  'connect',
  'count-listed',
  'count-streams',
  'count-unread',
  'create-conversation',
  'delete-conversation',
  'delete-setting',
  'delete-webhook',
  'disconnect',
  'divert-publication',
  'drop-entry',
  'drop-noted-work',
  'drop-notes',
  'finish-message',
  'forward-events',
  'hold-webhooks',
  'index-conversation',
  'index-membership',
  'index-room',
  'know-consumers',
  'leave-webhooks',
  'list-messages',
  'mark-read',
  'note-diverted',
  'note-webhook',
  'publish',
  'pull-events',
  'react',
  'read-conversations',
  'read-for-lists',
  'read-heads',
  'read-list',
  'read-log',
  'read-marks',
  'read-members',
  'read-messages',
  'read-presence',
  'read-progress',
  'read-published',
  'read-sent',
  'read-sessions',
  'read-streams',
  'read-topic',
  'read-typing',
  'read-user-log',
  'redeliver-events',
  'refuse-tokens',
  'remove-member',
  'rename-conversation',
  'renew-lease',
  'renote-memberships',
  'request-stop',
  'save-consumer',
  'save-setting',
  'save-webhook',
  'scan-conversations',
  'set-blocked',
  'set-role',
  'set-status',
  'set-typing',
  'start-message',
  'take-reservation',
  'tidy-conversation',
  'tidy-user',
  'trim-events',
  'write-bookmark',
  'write-session',
] as const;

/** The files of shared functions. Each may use those before it. */
const LIBRARIES = [
  'prelude',
  'messages',
  'sent-keys',
  'members',
  'presence',
  'writings',
  'list',
  'user-log',
  'waiting-notes',
  'events',
] as const;

/** Caps and times that are constants in every script. */
const CAPS = `local READING_BYTES = ${LIMITS.readingBytes}
local UNAPPLIED = ${LIMITS.notesPerLook}
local SENT_MS = ${TIMES.idempotencyMs}
local USER_LOG = ${LIMITS.userLogEntries}
local LEFT_KEPT = ${LIMITS.leftConversationsPerUser}
local WAITING = ${LIMITS.waitingMemberships}
local LIST_KEYS = ${KEYS_OF_LIST}
`;

export type ScriptName = (typeof NAMES)[number];
export type Argument = string | number;
type Command = (keyCount: number, ...rest: Argument[]) => Promise<unknown>;

/** Runs a script; rejects with SERVICE_UNAVAILABLE, the outcome then being unknown. */
export type RunScript = (name: ScriptName, keys: readonly string[], args: readonly Argument[]) => Promise<unknown>;

const source = (name: string): string => readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8');

export function defineScripts(client: RedisClient): RunScript {
  const definitions = definitionsOf(CAPS, ...LIBRARIES.map(source));
  const commands = new Map<ScriptName, Command>();
  for (const name of NAMES) {
    const command = `realtime:${name}`;
    client.defineCommand(command, { lua: linked(source(name), definitions) });
    const run = (client as unknown as Record<string, Command>)[command];
    if (run) commands.set(name, run.bind(client));
  }
  return async (name, keys, args) => {
    const command = commands.get(name);
    if (!command) throw new Error(`There is no script ${name}.`);
    try {
      return await command(keys.length, ...keys, ...args);
    } catch (error) {
      throw unavailable(error);
    }
  };
}
