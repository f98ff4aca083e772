/** Runs all checkers until none finds a breach, or the time for that is over. */
import type { Churn } from './churn.ts';
import { readLog, type StoredLog } from './log.ts';
import { judgeLog, judgeOnce, judgeOrder, judgePositions, judgeRaw, judgeUpdates, judgeView } from './log-checkers.ts';
import { Patience } from './patience.ts';
import {
  judgeConversations,
  judgeMembers,
  judgePresence,
  judgeTopic,
  judgeTyping,
  judgeUnread,
} from './state-checkers.ts';
import type { Cast } from './trial.ts';
import { OWNER, READER } from './users.ts';

/** Of each user who comes and goes. */
const CHANGES = 8;

export interface Judgement {
  readonly breaches: readonly string[];
  /** When all but what takes its time by itself was as promised. */
  readonly convergedAt: number;
}

export async function judgeAtRest(cast: Cast): Promise<Judgement> {
  const patience = new Patience();
  let convergedAt: number | null = null;
  for (;;) {
    // Whoever came back just now is owed something.
    await cast.publications.publish();
    for (const churn of cast.churns) if (!churn.isSettled) await churn.settle();
    const isSettled = cast.churns.every((churn) => churn.isSettled);
    const logs = await Promise.all(cast.writers.conversations.map((id) => readLog(cast.trial, id)));
    const lasting = judgeForGood(cast, logs);
    if (lasting.length > 0) return { breaches: lasting, convergedAt: performance.now() };
    const breaches = [...(await judge(cast, logs)), ...(isSettled ? [] : ['whoever was added hears nothing'])];
    convergedAt = breaches.length === 0 ? (convergedAt ?? performance.now()) : null;
    const late = await judgeWhatTakesTime(cast);
    const all = [...breaches, ...late];
    if (all.length > 0 && (await patience.looksAgain())) continue;
    return { breaches: [...all, ...(await judgeChanges(cast))], convergedAt: convergedAt ?? performance.now() };
  }
}

/** Each change of members is heeded on both sides, and heard: one look at the end would show the last of them only. */
async function judgeChanges({ trial, churns }: Cast): Promise<string[]> {
  const breachesOf = async (churn: Churn): Promise<string[]> => [
    ...churn.judgeForGood(),
    ...churn.judge(),
    ...(await judgeMembers(trial, [churn])),
    ...(churn.isSettled ? [] : [`${churn.userId} was added and hears nothing`]),
  ];
  for (const churn of churns.flatMap((each) => Array.from({ length: CHANGES }, () => each))) {
    await churn.settle();
    const patience = new Patience();
    let breaches = await breachesOf(churn);
    while (breaches.length > 0 && (await patience.looksAgain())) {
      if (!churn.isSettled) await churn.settle();
      breaches = await breachesOf(churn);
    }
    if (breaches.length > 0) return breaches;
  }
  return [];
}

/** What nothing heals that comes later. */
function judgeForGood(
  { trial, writers, readers, churns, guests, streamed }: Cast,
  logs: readonly StoredLog[],
): string[] {
  const { received, updated, all } = readers;
  const streams = [...received, updated];
  return [
    ...trial.breaches,
    ...writers.judge(),
    ...[...all, ...churns.map(({ reader }) => reader)].flatMap(({ errors }) => errors),
    ...logs.flatMap((log) => [
      ...judgeLog(trial, writers, log),
      ...received.flatMap((reader) => judgeOrder(reader, log)),
    ]),
    ...streams.flatMap(judgeOnce),
    ...judgePositions(streams, writers, logs),
    ...churns.flatMap((churn) => churn.judgeForGood()),
    ...guests.judgeForGood(),
    ...streamed.judgeForGood(),
  ];
}

async function judge(
  { trial, writers, publications, readers, churns, guests, passers, streamed }: Cast,
  logs: readonly StoredLog[],
): Promise<string[]> {
  const { received, updated, conversation, topic, raw } = readers;
  return [
    ...logs.flatMap((log) => [
      ...received.flatMap((reader) => judgeView(reader, log)),
      ...judgeUpdates(trial, updated, writers, log),
    ]),
    ...judgeRaw(trial, raw, writers),
    ...churns.flatMap((churn) => churn.judge()),
    ...guests.judge(),
    ...(await streamed.judge()),
    ...judgeTopic(trial, topic, publications),
    ...(await judgeConversations(trial, conversation, writers.conversations)),
    ...(await judgeMembers(trial, churns)),
    ...(await passers.judge()),
    ...(await judgeUnread(trial, [OWNER, READER, ...churns.map(({ userId }) => userId)])),
  ];
}

/** Presence ends with a lease, typing some seconds after it began. */
async function judgeWhatTakesTime({ trial, writers, readers }: Cast): Promise<string[]> {
  return [
    ...(await judgePresence(trial, readers.presence)),
    ...(await judgeTyping(trial, readers.typing, writers.conversations)),
  ];
}
