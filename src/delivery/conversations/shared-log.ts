/**
 * Pages of logs, read once for all who ask for the same at about the same time.
 *
 * After a restart thousands come back with the position they all had: the same
 * page, as the same objects, is read and rendered once for them (G06). A page is
 * of no use once its channel has moved on, so what it says of a message is never
 * older than what the channel has passed on.
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
  /** Where the conversation's channel is. */
  readonly channel: Position;
}

/** Counted of each entry beside its text and payload. */
const ENTRY_CHARACTERS = 500;

function charactersOf({ message }: LogEntry): number {
  if (!message) return ENTRY_CHARACTERS;
  const { content, payload } = message;
  const isObject = typeof payload === 'object' && payload !== null;
  return ENTRY_CHARACTERS + content.length + (isObject ? jsonSizeOf(payload).characters : String(payload).length);
}

/** Characters of pages, as far as that was asked. */
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
      // To it, what began at 0 has no age.
      perf: { now: () => 1 + clock.elapsed() },
      // Frees what nobody asks for again.
      ttlAutopurge: true,
      // Whoever waits is answered, even when there is no room to keep the page.
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
}
