/**
 * Stores events for the consumers of a tenant, and forwards them.
 *
 * An event is stored in the step of its change, in an outbox beside its conversation or topic, and forwarded to the
 * tenant's slot afterwards. Before the change the node notes the source in the tenant's slot, so that other nodes find
 * events of a node that died in between. For a tenant without a consumer nothing is stored or noted.
 */
import type { Clock } from '../../clock.ts';
import { isOutage } from '../../errors.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { TenantId } from '../../model.ts';
import type { Forwarding } from './forwarding.ts';
import type { KnownConsumers } from './known-consumers.ts';
import type { RunScript, ScriptName } from './scripts.ts';
import type { EventSource } from './subject-keys.ts';

interface InHand {
  readonly tenant: TenantId;
  readonly source: EventSource;
  /** Null: it must be noted again. */
  noted: Promise<void> | null;
  notedAt: number;
  running: number;
  /** The last event that was forwarded. */
  last: string | null;
  /** Null: nothing is being forwarded. */
  forwarding: Promise<void> | null;
  /** Whether events may have been stored since the forwarding began. */
  hasNews: boolean;
  /** The outcome of a change is unknown, and it may be applied later. The note stays for the sweep. */
  isDoubtful: boolean;
  /** Ends a pause, or the wait for the next look. */
  stopWaiting: (() => void) | null;
}

interface OutboxParts {
  readonly known: KnownConsumers;
  readonly forwarding: Forwarding;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether the note is stored before the change: not if their keys are on different servers. */
  readonly isOneServer: boolean;
}

export class EventOutbox {
  readonly #run: RunScript;
  readonly #known: KnownConsumers;
  readonly #forwarding: Forwarding;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #isOneServer: boolean;
  readonly #inHand = new Map<string, InHand>();
  #isClosing = false;

  constructor(run: RunScript, { known, forwarding, clock, log, isOneServer }: OutboxParts) {
    this.#run = run;
    this.#known = known;
    this.#forwarding = forwarding;
    this.#clock = clock;
    this.#log = log;
    this.#isOneServer = isOneServer;
  }

  /** Runs a script that changes a source of events. */
  async run(
    tenant: TenantId,
    source: EventSource,
    name: ScriptName,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    const has = this.#known.has(tenant);
    if (!has || (has !== true && !(await has))) return this.#run(name, keys, args);
    const inHand = this.#take(tenant, source);
    inHand.running += 1;
    try {
      if (!this.#isOneServer) await inHand.noted;
      return await this.#run(name, [...keys, source.outbox], args);
    } catch (error) {
      inHand.isDoubtful = true;
      throw error;
    } finally {
      inHand.running -= 1;
      inHand.hasNews = true;
      void this.#forward(inHand);
    }
  }

  /** Forwards stored events. Those that cannot be forwarded are left to the sweep of other nodes. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const all = [...this.#inHand.values()];
    this.#inHand.clear();
    for (const { stopWaiting } of all) stopWaiting?.();
    await Promise.all(all.map((inHand) => inHand.forwarding ?? this.#forward(inHand)));
  }

  #take(tenant: TenantId, source: EventSource): InHand {
    const key = keyOf(tenant, source);
    const inHand = this.#inHand.get(key) ?? this.#begin(key, tenant, source);
    const isOld = this.#clock.elapsed() - inHand.notedAt >= TIMES.unforwardedMs / 2;
    if (!inHand.noted || isOld) this.#note(inHand);
    return inHand;
  }

  #begin(key: string, tenant: TenantId, source: EventSource): InHand {
    this.#makeRoom();
    const inHand: InHand = {
      tenant,
      source,
      noted: null,
      notedAt: 0,
      running: 0,
      last: null,
      forwarding: null,
      hasNews: false,
      isDoubtful: false,
      stopWaiting: null,
    };
    this.#inHand.set(key, inHand);
    return inHand;
  }

  #note(inHand: InHand): void {
    inHand.notedAt = this.#clock.elapsed();
    inHand.noted = this.#forwarding.note(inHand.tenant, inHand.source);
    // A caller that waits for it gets the error; otherwise the change itself fails as well.
    inHand.noted.catch(() => {
      inHand.noted = null;
    });
  }

  #forward(inHand: InHand): Promise<void> {
    if (!inHand.hasNews) return Promise.resolve();
    inHand.forwarding ??= this.#forwardAll(inHand);
    return inHand.forwarding;
  }

  /** Never rejects: what could not be forwarded is news again. */
  async #forwardAll(inHand: InHand): Promise<void> {
    inHand.stopWaiting?.();
    inHand.stopWaiting = null;
    let isHeld = false;
    try {
      while (inHand.hasNews) {
        inHand.hasNews = false;
        const { last, isWhole } = await this.#forwarding.forward(inHand.tenant, inHand.source, inHand.last);
        inHand.last = last;
        isHeld = !isWhole;
        if (inHand.hasNews && !this.#isClosing) await this.#pause(inHand);
      }
      // Looked at again, as a node of a newer version may have forwarded the next event.
      inHand.hasNews = isHeld;
    } catch (error) {
      inHand.hasNews = true;
      const { tenant, source } = inHand;
      if (!isOutage(error)) this.#log.error({ err: error, tenant, source: source.name }, 'events not forwarded');
    }
    inHand.forwarding = null;
    if (!this.#isClosing) inHand.stopWaiting = this.#clock.after(TIMES.eventsInHandMs, () => this.#look(inHand));
  }

  /** Waits for more events of a busy source, since forwarding several together costs less. */
  async #pause(inHand: InHand): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(TIMES.eventsTogetherMs, resolve);
      inHand.stopWaiting = () => {
        cancel();
        resolve();
      };
    });
    inHand.stopWaiting = null;
  }

  /** Forwards events that could not be forwarded before, or releases a quiet source. */
  #look(inHand: InHand): void {
    inHand.stopWaiting = null;
    if (inHand.hasNews) {
      void this.#forward(inHand);
      return;
    }
    // While a change is running its end forwards the events.
    if (inHand.running > 0) return;
    const { tenant, source, isDoubtful } = inHand;
    this.#inHand.delete(keyOf(tenant, source));
    if (!isDoubtful) void this.#forwarding.letGo(tenant, source).catch(() => undefined);
  }

  /** Releases the source held longest. It stays noted, so the next pull forwards its events. */
  #makeRoom(): void {
    if (this.#inHand.size < LIMITS.unforwardedSources) return;
    for (const [key, { running, stopWaiting }] of this.#inHand) {
      if (running > 0) continue;
      stopWaiting?.();
      this.#inHand.delete(key);
      return;
    }
  }
}

const keyOf = (tenant: TenantId, { name }: EventSource): string => `${tenant} ${name}`;
