/**
 * Pages of logs, read once for all streams that need the same page at about the same time.
 *
 * After a restart thousands of clients resume at the same position: the same page,
 * as the same objects, is read and rendered once for them (G06). A page is
 * useless once its channel has moved on, so its version of a message is never
 * older than the one that the channel has passed on.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../clock.ts';
import type { Engine, LogEntry, LogPage } from '../../engine/port.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { ConversationId, Position, TenantId } from '../../model.ts';
import { jsonSizeOf } from '../../rates/json-size.ts';
import { notePast } from '../past.ts';

interface Stretch {
  readonly tenant: TenantId;
  readonly id: ConversationId;
  readonly after: Position;
  /** The position of the conversation's channel. */
  readonly channel: Position;
}

/** The overhead of each entry beside its text and payload. */
const ENTRY_CHARACTERS = 500;

function charactersOf({ message }: LogEntry): number {
  if (!message) return ENTRY_CHARACTERS;
  const { content, payload } = message;
  const isObject = typeof payload === 'object' && payload !== null;
  return ENTRY_CHARACTERS + content.length + (isObject ? jsonSizeOf(payload).characters : String(payload).length);
}

/** Characters of pages, for those whose size was asked. */
const SIZES = new WeakMap<LogPage, number>();

export function sizeOfPage(page: LogPage): number {
  const counted = SIZES.get(page);
  if (counted !== undefined) return counted;
  const size = page.outcome === 'read' ? page.entries.reduce((sum, entry) => sum + charactersOf(entry), 1) : 1;
  SIZES.set(page, size);
  return size;
}

export class SharedLog {
  readonly #pages: LRUCache<string, LogPage, Stretch>;

  constructor(engine: Engine, clock: Clock) {
    this.#pages = new LRUCache<string, LogPage, Stretch>({
      maxSize: LIMITS.sharedLogCharacters,
      sizeCalculation: sizeOfPage,
      ttl: TIMES.sharedLogMs,
      // The library treats a start time of 0 as no age.
      perf: { now: () => 1 + clock.elapsed() },
      // Frees pages that are not asked for again.
      ttlAutopurge: true,
      // Waiting streams are answered even when there is no room to keep the page.
      ignoreFetchAbort: true,
      fetchMethod: async (_key, _stale, { context: { tenant, id, after } }) => {
        const page = await engine.readLog(tenant, id, after, LIMITS.logPage);
        if (page.outcome === 'read') for (const { message } of page.entries) if (message) notePast(message);
        return page;
      },
    });
  }

  /** At most `LIMITS.logPage` entries past a position. Rejects as the engine does. */
  async read(stretch: Stretch): Promise<LogPage> {
    const { tenant, id, after, channel } = stretch;
    const key = JSON.stringify([tenant, id, after.epoch, after.place, channel.epoch, channel.place]);
    return this.#pages.forceFetch(key, { context: stretch });
  }

  /** Otherwise the timers of its pages keep them, and the engine, for some seconds. */
  close(): void {
    this.#pages.clear();
  }
}
