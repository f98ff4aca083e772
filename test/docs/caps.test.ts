/** Limits are in `src/limits.ts` and `src/times.ts`. A number elsewhere that is named like a limit is listed here with its reason. */
import { globSync, readFileSync } from 'node:fs';

const SOURCE = new URL('../../src/', import.meta.url);
const DECLARED = /^(?:export )?const ([A-Z][A-Z0-9_]*)(?:: number)? = [-\d][\d_.eE* ]*;/gm;
const LIKE_A_LIMIT = /^(MOST|LEAST|LARGEST|LONGEST)_|_(MS|S|BYTES|CHARACTERS)$|AT_ONCE|BATCH|TRIES|RETRY/;

/** By reason. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  'A part of longer work: other work goes on between two of them.': [
    'delivery/conversations/writing-board.ts ENDED_AT_ONCE',
    'delivery/inbox/owed-changes.ts AT_ONCE',
    'delivery/room.ts TURN_MS',
    'engine/embedded/conversations.ts LISTED_AT_ONCE',
    'engine/redis/channel-joins.ts AT_ONCE',
    'engine/redis/conversations.ts LISTED_AT_ONCE',
    'engine/redis/forwarding.ts AT_ONCE',
    'engine/redis/list-store.ts MADE_AT_ONCE',
    'engine/redis/list-store.ts SCANNED_AT_ONCE',
    'engine/redis/member-pages.ts LEAST_MEMBERS_READ',
    'engine/redis/node-connections.ts BATCH',
    'engine/redis/node-list.ts AT_ONCE',
    'engine/redis/reconciliation.ts BATCH',
    'engine/redis/subscriber.ts BATCH',
    'engine/redis/value-reads.ts AT_ONCE',
    'in-parts.ts ASKED_AT_ONCE',
    'in-parts.ts AT_ONCE',
    'rates/budgeted-engine.ts LARGEST_PART',
    'transport/peers/arrival-turns.ts TURN_MS',
  ],
  'How often something is looked at, or tried again, by its only user.': [
    'engine/embedded/copies.ts MOST_TRIES',
    'engine/redis/marks.ts TICK_MS',
    'engine/redis/subscriber.ts CHECK_MS',
    'engine/redis/subscriber.ts MOST_MISSED_CHECKS',
    'graphql/habits.ts LONGEST_PAUSE',
    'health-check.ts TIMEOUT_MS',
    'observability/registration.ts AGAIN_MS',
    'observability/registration.ts FIRST_RETRY_MS',
    'observability/registration.ts PATIENCE_MS',
    'transport/http/unread-answers.ts SWEEP_MS',
    'transport/peers/supervisor.ts DRAIN_STEP_MS',
    'transport/streams/callback-endpoint.ts FIRST_RETRY_MS',
    'transport/streams/callback.ts LAST_RETRY_MS',
    'transport/streams/callback.ts LEAST_HEARTBEAT_MS',
    'delivery/conversations/writing-board.ts SILENCE_MARGIN_MS',
  ],
  'A weight by which memory, work or a rate is counted.': [
    'delivery/conversations/arrived-texts.ts FRAME_CHARACTERS',
    'delivery/conversations/shared-log.ts ENTRY_CHARACTERS',
    'engine/embedded/reading.ts ROW_CHARACTERS',
    'graphql/document-price.ts LEAST_UNITS',
    'graphql/document-price.ts MOST_CHARACTERS',
    'rates/shared-buckets.ts LEAST_TOLD',
    'rates/token-bucket.ts MOST_OWED',
    'transport/websocket/mailbox.ts FRAME_BYTES',
  ],
  'A size of a format, or given by a standard.': [
    'domain/cursor.ts MOST_ACTIVITY',
    'domain/inbox-place.ts NAME_CHARACTERS',
    'domain/message-key.ts DIGEST_BYTES',
    'domain/resume-points.ts DIGEST_CHARACTERS',
    'engine/redis/requirements.ts LEAST_VERSION',
    'engine/redis/requirements.ts LEAST_PUBSUB_BUFFER',
    'exact-json.ts MOST_CERTAIN',
    'transport/websocket/goodbye.ts REASON_BYTES',
    'domain/input.ts MOST_MARKS',
  ],
  'How much of a value a message or a log line shows, or a start suggests.': [
    'access/origins.ts SHOWN_CHARACTERS',
    'config/look-alike.ts MOST_SLIPS',
    'exact-json.ts SHOWN_CHARACTERS',
    'observability/registration.ts REASON_CHARACTERS',
  ],
  'A unit of time, or the life of what only development and browsers use.': [
    'access/revocation.ts SECOND_MS',
    'main.ts TOKEN_LIFE_S',
    'rates/shared-buckets.ts MINUTE_S',
    'transport/http/browser.ts PREFLIGHT_S',
    'transport/http/console-tokens.ts LASTS_S',
  ],
  'Of the schema, which is fixed when the service starts.': ['graphql/cost.ts MOST_SIGNATURES'],
};

const declaredIn = (file: string): string[] =>
  [...readFileSync(new URL(file, SOURCE), 'utf8').matchAll(DECLARED)]
    .map(([, name = '']) => name)
    .filter((name) => LIKE_A_LIMIT.test(name))
    .map((name) => `${file} ${name}`);

it('a limit is declared in limits.ts or times.ts', () => {
  const files = globSync('**/*.ts', { cwd: SOURCE }).filter((file) => !['limits.ts', 'times.ts'].includes(file));
  expect(files.flatMap(declaredIn).toSorted()).toEqual(Object.values(ELSEWHERE).flat().toSorted());
});
