/** One trial: everyone writes and reads while faults come and go; at rest all promises are judged. */
import { setTimeout as wait } from 'node:timers/promises';
import { createRandom } from '../faults/random.ts';
import { eventually } from '../support/eventually.ts';
import { judgeLog, judgeMembers, judgeOnce, judgeRaw, judgeStates, judgeStream, type Readers } from './checkers.ts';
import { Churn } from './churn.ts';
import { Trial } from './client.ts';
import { FAULTS } from './faults.ts';
import { readRaw, subscribe } from './readers.ts';
import type { TrialSettings } from './settings.ts';
import { openWorld } from './world.ts';
import { OWNER, READER, Writers } from './writers.ts';

export interface Report {
  readonly acknowledged: number;
  readonly delivered: number;
  readonly faults: number;
  /** From the end of the last fault until all was as promised. */
  readonly convergenceMs: number;
  readonly breaches: readonly string[];
}

const WRITERS = 3;
const FAULT_MS = 1_500;
/** Longer than anything takes to heal: what is not as promised then is a breach. */
const REST_MS = 45_000;

export async function runTrial({ engine, fault, seed, ms }: TrialSettings): Promise<Report> {
  const random = createRandom(seed);
  const world = await openWorld(engine);
  const trial = new Trial(world, random);
  const writers = new Writers(trial);
  await writers.begin();
  const readers = openReaders(trial, writers);
  const churns = ['churn-1', 'churn-2'].map((userId) => new Churn(trial, writers, userId));
  const all = [...Object.values(readers), ...churns.map(({ reader }) => reader)];
  try {
    const actors = [...Array.from({ length: WRITERS }, () => writers.run()), ...churns.map((churn) => churn.run())];
    const faults = await disturb(trial, fault, ms);
    trial.isOver = true;
    const healedAt = performance.now();
    await Promise.all(actors);
    for (const churn of churns) await churn.settle();
    const lastChanges = writers.last();
    const heal = await FAULTS[fault](world, random);
    await wait(FAULT_MS * random());
    await heal();
    await lastChanges;
    const breaches = await judgeAtRest(trial, writers, readers, churns);
    return {
      acknowledged: writers.sent.length,
      delivered: all.reduce((sum, { events }) => sum + events.length, 0),
      faults,
      convergenceMs: Math.round(performance.now() - healedAt),
      breaches: [...trial.breaches, ...all.flatMap(({ errors }) => errors), ...breaches],
    };
  } finally {
    trial.isOver = true;
    for (const reader of all) reader.close();
    await world.close();
  }
}

async function disturb(trial: Trial, fault: TrialSettings['fault'], ms: number): Promise<number> {
  const end = performance.now() + ms;
  let faults = 0;
  while (performance.now() < end) {
    await wait(FAULT_MS * (0.5 + trial.random()));
    const heal = await FAULTS[fault](trial.world, trial.random);
    faults += 1;
    await wait(FAULT_MS * trial.random());
    await heal();
  }
  return faults;
}

/** Looks again until nothing is amiss, or it has been given time enough. */
async function judgeAtRest(
  trial: Trial,
  writers: Writers,
  readers: Readers,
  churns: readonly Churn[],
): Promise<readonly string[]> {
  let breaches: readonly string[] = [];
  const look = async (): Promise<void> => {
    breaches = [
      ...judgeStream(readers.named, writers.sent),
      ...judgeStream(readers.all, writers.sent),
      ...judgeOnce(readers.updated),
      ...judgeOnce(readers.topic),
      ...judgeRaw(readers.raw, writers.sent),
      ...churns.flatMap((churn) => churn.judge()),
      ...(await judgeLog(trial, writers)),
      ...(await judgeStates(trial, readers, writers.conversations)),
      ...(await judgeMembers(trial, churns)),
    ];
    if (breaches.length > 0) throw new Error(breaches.join('\n'));
  };
  await eventually(look, REST_MS).catch(() => undefined);
  return breaches;
}

function openReaders(trial: Trial, { conversations, topic, begun }: Writers): Readers {
  const open = (name: string, field: string, query: string, variables: Record<string, unknown>, resumes: boolean) =>
    subscribe(trial, { name, userId: READER, field, query, variables, resumes, from: begun });
  const ids = { ids: conversations };
  const message = 'id conversationId sequence position content';
  const receipts = 'readReceipts(first: 50) { edges { node { user { id } sequence } } }';
  return {
    named: open(
      'messageReceived',
      'messageReceived',
      `subscription ($ids: [ID!], $after: [ID!]) { messageReceived(conversationIds: $ids, after: $after) { ${message} } }`,
      ids,
      true,
    ),
    all: open(
      'messageReceived of all',
      'messageReceived',
      `subscription ($after: [ID!]) { messageReceived(after: $after) { ${message} conversation { unreadMessageCount } } }`,
      {},
      true,
    ),
    updated: open(
      'messageUpdated',
      'messageUpdated',
      `subscription ($ids: [ID!], $after: [ID!]) { messageUpdated(conversationIds: $ids, after: $after) { ${message} } }`,
      ids,
      true,
    ),
    conversation: open(
      'conversationUpdated',
      'conversationUpdated',
      `subscription ($ids: [ID!]) { conversationUpdated(conversationIds: $ids) { id name memberCount lastSequence ${receipts} } }`,
      ids,
      false,
    ),
    presence: open(
      'presenceUpdated',
      'presenceUpdated',
      'subscription ($users: [ID!]!) { presenceUpdated(userIds: $users) { status statusText } }',
      { users: [OWNER] },
      false,
    ),
    topic: open(
      'topicPublished',
      'topicPublished',
      'subscription ($topics: [String!]!) { topicPublished(topics: $topics) { id payload } }',
      { topics: [topic] },
      false,
    ),
    raw: readRaw(trial, READER),
  };
}
