/**
 * Jest runs the TypeScript sources as ES modules: types are stripped, nothing is bundled.
 *
 * Three projects. `npm test` runs `quick`. `full` has the rest: the files of `FULL_ONLY`, and, at a larger size, the files that
 * read their size from `test/faults/settings.ts` or run in each of `SETTINGS` or `LONG_SETTINGS`. Every file is in one or both of them.
 * `far` runs some files of `quick` again, with a round trip of 2.5 ms to every Redis.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** Files that take too long for every change, each for a reason that a smaller size does not remove. */
const FULL_ONLY = [
  'test/access/session-outage.test.ts',
  'test/client/histories.test.ts',
  'test/client/outbox-histories.test.ts',
  'test/client/packed.test.ts',
  'test/client/page.test.ts',
  'test/client/react.test.ts',
  'test/client/resuming.test.ts',
  'test/client/returning.test.ts',
  'test/client/server.test.ts',
  'test/client/session.test.ts',
  'test/client/stalls.test.ts',
  'test/client/transports.test.ts',
  'test/client/trial-caches.test.ts',
  'test/client/trial.test.ts',
  'test/cluster/load.test.ts',
  'test/cluster/two-releases.test.ts',
  'test/cluster/workers.test.ts',
  'test/consistency/trial.test.ts',
  'test/console/console.test.ts',
  'test/delivery/inbox-cost.test.ts',
  'test/delivery/inbox-held.test.ts',
  'test/delivery/inbox-histories.test.ts',
  'test/delivery/interrupted-start.test.ts',
  'test/delivery/lagging-readers.test.ts',
  'test/delivery/large-pages.test.ts',
  'test/delivery/rolled-back-state.test.ts',
  'test/delivery/streamed-histories.test.ts',
  'test/delivery/unread-gap.test.ts',
  'test/deploy/balancers.test.ts',
  'test/docs/agent-example.test.ts',
  'test/docs/chat-example.test.ts',
  'test/docs/back-ends.test.ts',
  'test/docs/site.test.ts',
  'test/engine/backup.test.ts',
  'test/engine/closed-values.test.ts',
  'test/engine/consumer-histories.test.ts',
  'test/engine/consumer-outages.test.ts',
  'test/engine/left-behind.test.ts',
  'test/engine/lost-shards.test.ts',
  'test/engine/redis-addresses.test.ts',
  'test/engine/redis-cluster.test.ts',
  'test/engine/round-trips.test.ts',
  'test/engine/sentinel-watch.test.ts',
  'test/faults/clock.test.ts',
  'test/faults/cluster.test.ts',
  'test/faults/disk-full.test.ts',
  'test/faults/documents.test.ts',
  'test/faults/event-loop.test.ts',
  'test/faults/joins.test.ts',
  'test/faults/loading.test.ts',
  'test/faults/lost-end.test.ts',
  'test/faults/same-name.test.ts',
  'test/faults/soak.test.ts',
  'test/faults/start.test.ts',
  'test/faults/storm.test.ts',
  'test/gateway/apollo-router.test.ts',
  'test/gateway/cosmo-router.test.ts',
  'test/gateway/hive-gateway.test.ts',
  'test/gateway/hive-router.test.ts',
  'test/gateway/recomposition.test.ts',
  'test/gateway/registration.test.ts',
  'test/gateway/rolling-upgrade.test.ts',
  'test/gateway/service-restart.test.ts',
  'test/graphql/consumers.test.ts',
  'test/graphql/inbox.test.ts',
  'test/graphql/streamed-messages.test.ts',
  'test/graphql/user-ids.test.ts',
  'test/graphql/variables.test.ts',
  'test/inbox/behind-gateway.test.ts',
  'test/inbox/histories.test.ts',
  'test/inbox/long-absence.test.ts',
  'test/inbox/outages.test.ts',
  'test/observability/open-files.test.ts',
  'test/observability/process.test.ts',
  'test/observability/tracing.test.ts',
  'test/security/acting.test.ts',
  'test/security/closing.test.ts',
  'test/security/doubling.test.ts',
  'test/security/ended-while-opened.test.ts',
  'test/security/rules-across-tenants.test.ts',
  'test/security/stop-requests.test.ts',
  'test/transport/client-preset.test.ts',
  'test/transport/close-codes.test.ts',
  'test/transport/event-source-page.test.ts',
  'test/transport/event-source.test.ts',
  'test/transport/foreign-clients.test.ts',
  'test/transport/held-by-sockets.test.ts',
  'test/transport/http2-abuse.test.ts',
  'test/transport/http2-frames.test.ts',
  'test/transport/http2.test.ts',
  'test/transport/raw/expired-inbox.test.ts',
  'test/transport/mobile-clients.test.ts',
  'test/transport/recipes.test.ts',
  'test/transport/relay-compiler.test.ts',
  'test/transport/relay.test.ts',
  'test/transport/restarts.test.ts',
  'test/transport/slow-stream.test.ts',
  'test/transport/streamed-page.test.ts',
  'test/webhooks/unreached.test.ts',
  'test/webhooks/webhooks.test.ts',
];

/** Files of `quick` that depend most on the network: writes, losses, resuming and sweeping. */
const FAR = [
  'test/engine/memberships.test.ts',
  'test/engine/redis.test.ts',
  'test/engine/redis-bus.test.ts',
  'test/engine/redis-nodes.test.ts',
  'test/faults/node.test.ts',
  'test/faults/redis.test.ts',
];

const root = new URL('./', import.meta.url);
const files = readdirSync(new URL('test', root), { recursive: true })
  .map((file) => `test/${file}`)
  .filter((file) => file.endsWith('.test.ts'));
const isSized = (file) => /\/settings\.ts'|each\((LONG_)?SETTINGS\)/.test(readFileSync(new URL(file, root), 'utf8'));

/** The files that `npm test` runs. */
export const quick = files.filter((file) => !FULL_ONLY.includes(file));

const project = (name, chosen, globals = { TEST_PROJECT: name }) => ({
  displayName: name,
  globals,
  testEnvironment: '<rootDir>/test/jest/environment.ts',
  testMatch: chosen.map((file) => `<rootDir>/${file}`),
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } },
    ],
  },
});

export default {
  // Twice the number of cores (two): a test file spends about half of its time waiting for sockets and processes.
  maxWorkers: 4,
  // The last resort against a hanging test. `eventually` has a shorter limit, and names the condition that did not come true.
  // The whole size of the faults takes its time.
  testTimeout: process.env['FAULTS'] === 'whole' ? 6_000_000 : 300_000,
  // Replaces an idle worker with a larger heap: garbage of its last file, which `test/jest/memory.ts` collects, takes less.
  // Without this setting Jest also runs a single file in its own process, which does not exit if the file left something open.
  workerIdleMemoryLimit: '250MB',
  testSequencer: '<rootDir>/test/jest/longest-first.ts',
  globalSetup: '<rootDir>/test/jest/start-redis.ts',
  globalTeardown: '<rootDir>/test/jest/stop-redis.ts',
  reporters: ['default', '<rootDir>/test/jest/slowest-files.ts'],
  projects: [
    project('quick', quick),
    project(
      'full',
      files.filter((file) => FULL_ONLY.includes(file) || isSized(file)),
    ),
    project('far', FAR, { TEST_PROJECT: 'quick', LATENCY_OF_PROJECT_MS: 2.5 }),
  ],
};
