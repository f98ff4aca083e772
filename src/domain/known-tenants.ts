/** The tenants whose settings are cached: the most recent ones, and those that are watched, which are never evicted. */
import { LRUCache } from 'lru-cache';
import type { Listening } from '../engine/port.ts';
import { LIMITS } from '../limits.ts';
import type { TenantId } from '../model.ts';

export interface Known<Settings> {
  settings: Settings | null;
  reading: Promise<Settings> | null;
  listening: Promise<Listening> | null;
  /**
   * The number of reads begun, and the read whose answer is cached: the answer of an overtaken read is ignored.
   */
  begun: number;
  taken: number;
  readonly watchers: Set<() => void>;
}

function forget<Settings>({ listening, watchers }: Known<Settings>): void {
  if (watchers.size === 0) void listening?.then((each) => each.close()).catch(() => undefined);
}

export class KnownTenants<Settings> {
  readonly #seen = new LRUCache<TenantId, Known<Settings>>({ max: LIMITS.knownTenants, dispose: forget });
  readonly #watched = new Map<TenantId, Known<Settings>>();

  find(tenant: TenantId): Known<Settings> | undefined {
    return this.#watched.get(tenant) ?? this.#seen.get(tenant);
  }

  /** The same, without counting as used. */
  peek(tenant: TenantId): Known<Settings> | undefined {
    return this.#watched.get(tenant) ?? this.#seen.peek(tenant);
  }

  enter(tenant: TenantId): Known<Settings> {
    const found = this.find(tenant);
    if (found) return found;
    const known: Known<Settings> = {
      settings: null,
      reading: null,
      listening: null,
      begun: 0,
      taken: 0,
      watchers: new Set(),
    };
    this.#seen.set(tenant, known);
    return known;
  }

  /** Keeps the tenant cached until the returned function is called. */
  watch(tenant: TenantId, onChange: () => void): () => void {
    const known = this.enter(tenant);
    const watcher = (): void => onChange();
    known.watchers.add(watcher);
    if (!this.#watched.has(tenant)) {
      this.#watched.set(tenant, known);
      this.#seen.delete(tenant);
    }
    return () => {
      if (!known.watchers.delete(watcher) || known.watchers.size > 0) return;
      this.#watched.delete(tenant);
      this.#seen.set(tenant, known);
    };
  }
}
