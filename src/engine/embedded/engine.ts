/** The embedded engine: everything in this process and one SQLite file. */
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { Retention } from '../../model.ts';
import type { CurrentTrace, Engine } from '../port.ts';
import { createBookmarks } from './bookmarks.ts';
import { createEmbeddedBus } from './bus.ts';
import { createConsumers } from './consumers.ts';
import { openControl } from './control.ts';
import { createConversations } from './conversations.ts';
import { openDatabase } from './database.ts';
import { createHeads } from './heads.ts';
import { walkOverLeftBehind } from './left-behind.ts';
import { createLists } from './lists.ts';
import { createMembershipQuota } from './membership-quota.ts';
import { createMessageLog } from './message-log.ts';
import { createMessages } from './messages.ts';
import { createPresence } from './presence.ts';
import { createRooms } from './rooms.ts';
import { createRoutingRules } from './routing-rules.ts';
import { createSessions } from './sessions.ts';
import { createTopicPolicies } from './topic-policies.ts';
import { createTopics } from './topics.ts';
import { createTyping } from './typing.ts';
import { createUserLogs } from './user-log.ts';
import { createWebhooks } from './webhooks.ts';
import { createWritings } from './writings.ts';

export interface EmbeddedOptions {
  /** A folder, or `:memory:`. */
  readonly dataDir: string;
  readonly retention: Retention;
  readonly clock: Clock;
  /** How long abandoned data is kept; null or left out: for ever. */
  readonly abandonedAfterMs?: number | null;
  readonly log?: Log;
  readonly currentTrace?: CurrentTrace;
  /** The cap of conversations that one user begins or joins; left out: that of `LIMITS`. */
  readonly conversationsPerUser?: number | undefined;
  /** Given: commands on this machine may request backups. Called with the error when they cannot. */
  readonly control?: (error: Error) => void;
}

export function openEmbeddedEngine(options: EmbeddedOptions): Engine {
  const { dataDir, retention, clock, abandonedAfterMs = null, currentTrace = () => '', control } = options;
  const bus = createEmbeddedBus(clock, currentTrace);
  const database = openDatabase(dataDir, bus);
  const userLogs = createUserLogs(database, clock);
  const typing = createTyping(clock, bus, () => conversations);
  const conversations = createConversations(database, clock, {
    userLogs,
    forgetTyping: typing.forget,
    quota: createMembershipQuota(database, options.conversationsPerUser),
  });
  const log = createMessageLog(database, { clock, retention, forgetTyping: typing.forget });
  const { read, ...writings } = createWritings(database, clock, log);
  const closeControl =
    control && dataDir !== ':memory:' ? openControl(dataDir, database.copyInto, control) : () => undefined;
  const { isConnected, ...presence } = createPresence(database, clock);
  const stopWalking = walkOverLeftBehind({
    database,
    clock,
    log: options.log,
    retention: log.retention,
    conversations,
    abandonedAfterMs,
    isConnected,
  });
  const healthCheck = database.prepare('SELECT 1');
  return {
    kind: 'embedded',
    ...conversations,
    ...createMessages(database, clock, log, read),
    ...writings,
    ...presence,
    ...createSessions(database),
    ...createTopics(database, clock),
    ...createBookmarks(database, clock),
    ...createLists(database),
    readUserLog: userLogs.readUserLog,
    ...createHeads(database, clock),
    ...createRooms(database),
    ...createRoutingRules(database),
    ...createTopicPolicies(database),
    ...createConsumers(database, clock),
    ...createWebhooks(database),
    setTyping: typing.setTyping,
    readTyping: typing.readTyping,
    // There is no other node.
    shareUse: async (uses) => uses.map(() => 0),
    listen: bus.listen,
    async checkHealth() {
      const start = performance.now();
      try {
        await database.read(() => healthCheck.get());
        return { status: 'up', latencyMs: performance.now() - start, reason: null };
      } catch {
        const reason = 'The database does not answer.';
        return { status: 'down', latencyMs: performance.now() - start, reason };
      }
    },
    async close() {
      stopWalking();
      closeControl();
      await database.close();
    },
  };
}
