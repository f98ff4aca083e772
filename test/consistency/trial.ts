/** One trial: everyone writes and reads while faults come and go; at rest all promises are judged. */
import { setTimeout as wait } from 'node:timers/promises';
import { createRandom } from '../faults/random.ts';
import { type CallbackRouter, startCallbackRouter } from '../support/callback-router.ts';
import { Churn } from './churn.ts';
import { Trial } from './client.ts';
import { evidenceOf } from './evidence.ts';
import { FAULTS, needsOf } from './faults.ts';
import { placeTrialGateway, type TrialGateway } from './gateway.ts';
import { Guests } from './guests.ts';
import { judgeAtRest } from './judgement.ts';
import { type MachineReport, watchMachine } from './machine.ts';
import { Passers } from './passers.ts';
import { Publications } from './publications.ts';
import { openReaders, type Readers } from './readers-of-all.ts';
import type { TrialSettings } from './settings.ts';
import { StreamedCast } from './streamed-cast.ts';
import type { TextWays } from './streamed-readers.ts';
import { TRANSPORTS } from './transports.ts';
import { openWorld } from './world.ts';
import { Writers } from './writers.ts';

export interface Report extends MachineReport {
  readonly acknowledged: number;
  readonly delivered: number;
  readonly faults: number;
  readonly losses: number;
  /** The longest time in which no change was acknowledged, while faults came and went. */
  readonly longestGapMs: number;
  /** From the end of the last fault until all was as promised; what ends by itself is not waited for. */
  readonly convergenceMs: number;
  readonly breaches: readonly string[];
  /** What may say why; empty where there is no breach. */
  readonly evidence: readonly string[];
}

export interface Cast {
  readonly trial: Trial;
  readonly writers: Writers;
  readonly publications: Publications;
  readonly readers: Readers;
  readonly churns: readonly Churn[];
  readonly guests: Guests;
  readonly streamed: StreamedCast;
  readonly passers: Passers;
}

const WRITERS = 3;
const FAULT_MS = 1_500;

export async function runTrial({ engine, fault, seed, ms }: TrialSettings): Promise<Report> {
  const random = createRandom(seed);
  const router = await startCallbackRouter();
  // Each serves one subscription.
  const textRouter = await startCallbackRouter();
  const gatewayPlace = await placeTrialGateway();
  const callbackUrls = [...[router, textRouter].map(({ url }) => `${url}/callback`), gatewayPlace.callbackUrl].join(
    ',',
  );
  const env = { CALLBACK_ALLOWED_URLS: callbackUrls, MAX_STREAMS_PER_USER: '10000', DRAIN_WINDOW: '0ms' };
  const world = await openWorld(engine, needsOf(FAULTS[fault]), env);
  const trial = new Trial(world, random);
  let gateway: TrialGateway | null = null;
  try {
    gateway = await gatewayPlace.open(world.nodes[0], seed);
    const cast = await open(trial, router, { router: textRouter, gateway });
    try {
      return await run(cast, fault, ms);
    } finally {
      trial.isOver = true;
      for (const reader of [...cast.readers.all, ...cast.churns.map(({ reader }) => reader)]) reader.close();
      cast.readers.raw.close();
      cast.guests.close();
      cast.streamed.close();
    }
  } finally {
    await gateway?.close();
    await world.close();
    await router.close();
    await textRouter.close();
  }
}

async function open(trial: Trial, router: CallbackRouter, ways: TextWays): Promise<Cast> {
  const writers = new Writers(trial);
  await writers.begin();
  const { overWebSocket, overSse } = TRANSPORTS;
  return {
    trial,
    writers,
    publications: new Publications(trial),
    readers: openReaders(trial, writers, router),
    churns: [
      new Churn(trial, writers, 'churn-1', overWebSocket),
      new Churn(
        trial,
        writers,
        'churn-2',
        overSse(() => 0),
      ),
    ],
    guests: new Guests(trial, writers, overWebSocket),
    streamed: await StreamedCast.open(trial, ways),
    passers: new Passers(trial, writers),
  };
}

async function run(cast: Cast, fault: TrialSettings['fault'], ms: number): Promise<Report> {
  const { trial, writers, publications, readers, churns, guests, passers, streamed } = cast;
  const machine = watchMachine();
  const actors = [
    ...Array.from({ length: WRITERS }, () => writers.run()),
    ...churns.map((churn) => churn.run()),
    ...[publications, publications].map((each) => each.run()),
    guests.run(),
    streamed.run(),
    passers.run(),
  ];
  let faults = await disturb(trial, fault, ms);
  trial.isOver = true;
  readers.visitor.close();
  await Promise.all(actors);
  for (const churn of churns) await churn.settle();
  // The last of each state is changed while something is wrong: nothing later tells of it.
  const lastChanges = Promise.all([writers.last(), streamed.writeLast()]);
  const heal = await FAULTS[fault].bring(trial.world, trial.random);
  faults += 1;
  await wait(FAULT_MS * trial.random());
  await heal();
  const healedAt = performance.now();
  await lastChanges;
  const { breaches, convergedAt } = await judgeAtRest(cast);
  const evidence = breaches.length > 0 ? [...(await evidenceOf(trial.world)), ...trial.world.outputs()] : [];
  return {
    acknowledged: writers.sent.length,
    delivered: [...readers.all, ...churns.map(({ reader }) => reader)].reduce(
      (sum, { heard }) => sum + heard.length,
      readers.raw.events.length + guests.delivered + streamed.delivered,
    ),
    faults,
    losses: trial.losses.length,
    longestGapMs: Math.round(trial.longestGapMs),
    convergenceMs: Math.round(convergedAt - healedAt),
    ...machine(),
    breaches,
    evidence,
  };
}

async function disturb(trial: Trial, fault: TrialSettings['fault'], ms: number): Promise<number> {
  const end = performance.now() + ms;
  let faults = 0;
  while (performance.now() < end) {
    await wait(FAULT_MS * (0.5 + trial.random()));
    const heal = await FAULTS[fault].bring(trial.world, trial.random);
    faults += 1;
    await wait(FAULT_MS * trial.random());
    await heal();
  }
  return faults;
}
