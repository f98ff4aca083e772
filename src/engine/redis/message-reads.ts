/** Reads messages and the log of their changes from Redis. */
import type { Clock } from '../../clock.ts';
import { LIMITS } from '../../limits.ts';
import type { ConversationId, MessageRecord, Retention } from '../../model.ts';
import type { LogEntry, MessageStore } from '../port.ts';
import { READ } from '../shared/closed.ts';
import { positionAt } from '../shared/heads.ts';
import { judgePosition, type Lineage } from '../shared/lineage.ts';
import type { Scripts } from './batches.ts';
import { decodeMessage } from './codec.ts';
import type { Keys } from './keys.ts';
import { locate } from './located.ts';
import type { MembershipNotes, Memberships } from './memberships.ts';
import { retentionArg } from './retention.ts';
import type { RedisWritings } from './writings.ts';

type ReadLog = [
  unapplied: MembershipNotes,
  lineage?: string,
  head?: string,
  epoch?: string,
  floor?: string,
  ...unknown[],
];

type ReadRow = [place: string, change: string, epoch: string, message: string | null];

export interface MessageReadOptions {
  readonly clock: Clock;
  readonly retention: Retention;
  readonly memberships: Memberships;
  readonly writings: RedisWritings;
}

function toEntry([at, change, epoch]: ReadRow, stored: MessageRecord | null, lineage: Lineage): LogEntry {
  const place = Number(at);
  const position = epoch === '' ? positionAt(lineage, place) : { place, epoch };
  return {
    ...position,
    change: READ.messageChange(change),
    message: stored && { ...stored, position },
    isLast: stored?.position.place === position.place,
  };
}

export function createMessageReads(
  { run, runOne }: Scripts,
  keys: Keys,
  { clock, retention, memberships, writings }: MessageReadOptions,
): Pick<MessageStore, 'readMessages' | 'listMessages' | 'readLog'> {
  const keptMessages = (): string => retentionArg(retention, clock);
  const isOld = ({ timestamp }: MessageRecord): boolean =>
    retention !== null && typeof retention === 'object' && timestamp <= clock.now() - retention.ageMs;

  return {
    async readMessages(tenant, ids) {
      const values = await Promise.all(
        ids.map((id) => {
          const at = locate(keys, tenant, id);
          return at ? runOne('read-messages', [at.messages], [at.sequence]) : null;
        }),
      );
      const found = values.map((value, index) => {
        const message = value ? decodeMessage(value) : null;
        return message?.id === ids[index] && message && !isOld(message) ? message : null;
      });
      return writings.fill(tenant, found);
    },

    async listMessages(tenant, id, { after, before, limit, from }) {
      const { meta, messages, log } = keys.conversation(tenant, id);
      const args = [after, before ?? '', limit, from, keptMessages(), LIMITS.readingBytes];
      const answer = await run('list-messages', [meta, messages, log], args);
      const [first, last, isPart, ...values] = answer as [string, string, string, ...(string | null)[]];
      const found = values.flatMap((value) => (value ? [decodeMessage(value)] : []));
      return {
        messages: await writings.fill(tenant, from === 'first' ? found : found.reverse()),
        firstSequence: Number(first),
        lastSequence: Number(last),
        isPart: isPart === '1',
      };
    },

    async readLog(tenant, id: ConversationId, after, limit) {
      const { meta, messages, log, notes } = keys.conversation(tenant, id);
      const answer = await run(
        'read-log',
        [meta, messages, log, notes],
        [after.place, limit, keptMessages(), LIMITS.readingBytes],
      );
      const [unapplied, lineage, head, epoch, floor, ...rows] = answer as ReadLog;
      if (lineage === undefined || epoch === undefined) return { outcome: 'not-found' };
      memberships.notice(tenant, id, unapplied);
      const place = Number(head);
      const epochs = JSON.parse(lineage) as Lineage;
      const reason = judgePosition(after, { lineage: epochs, head: place, floor: Number(floor) });
      if (reason) return { outcome: 'expired', reason };
      const read = rows as ReadRow[];
      const stored = read.map((row) => (row[3] === null ? null : decodeMessage(row[3])));
      const messagesNow = await writings.fill(tenant, stored);
      const entries = read.map((row, index) => toEntry(row, messagesNow[index] ?? null, epochs));
      const isWhole = (entries.at(-1)?.place ?? place) >= place;
      return { outcome: 'read', entries, isWhole, head: { epoch, place } };
    },
  };
}
