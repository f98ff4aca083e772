/**
 * Stores events for the consumers of a tenant, and forwards them.
 *
 * An event is stored in the step of its change, in an outbox beside its subject: a conversation, a topic or a user. It is
 * forwarded to the tenant's slot afterwards. Before the change the subject is noted in the tenant's slot, so that other
 * nodes find events of a node that died in between. For a tenant without a consumer nothing is stored or noted.
 */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { TenantId } from '../../model.ts';
import type { Forwarding } from './forwarding.ts';
import type { KnownConsumers } from './known-consumers.ts';
import { NotedSubject, NotedWork, type NotedWorkParts } from './noted-work.ts';
import type { RunScript, ScriptName } from './scripts.ts';
import type { EventSubject } from './subject-keys.ts';

class ForwardedSubject extends NotedSubject {
  readonly at: EventSubject;
  /** The last event that was forwarded. */
  last: string | null = null;
  /** The outcome of a change is unknown, and it may be applied later. The note stays for the sweep. */
  isDoubtful = false;

  constructor(tenant: TenantId, at: EventSubject) {
    super(tenant, at.name);
    this.at = at;
  }
}

interface OutboxParts extends NotedWorkParts {
  readonly known: KnownConsumers;
  readonly forwarding: Forwarding;
}

export class EventOutbox extends NotedWork<ForwardedSubject> {
  readonly #run: RunScript;
  readonly #known: KnownConsumers;
  readonly #forwarding: Forwarding;
  readonly #clock: Clock;

  constructor(run: RunScript, parts: OutboxParts) {
    super(parts, { most: LIMITS.unforwardedSubjects, staleMs: TIMES.unforwardedMs, failed: 'events not forwarded' });
    this.#run = run;
    this.#known = parts.known;
    this.#forwarding = parts.forwarding;
    this.#clock = parts.clock;
  }

  /** Runs a script that changes a subject of events. */
  async run(
    tenant: TenantId,
    at: EventSubject,
    name: ScriptName,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    const has = this.#known.has(tenant);
    if (!has || (has !== true && !(await has))) return this.#run(name, keys, args);
    const subject = this.find(tenant, at.name) ?? this.add(new ForwardedSubject(tenant, at));
    const noted = this.changeBegins(subject);
    try {
      if (noted) await noted;
      return await this.#run(name, [...keys, at.outbox], args);
    } catch (error) {
      subject.isDoubtful = true;
      throw error;
    } finally {
      this.changeEnds(subject);
    }
  }

  /** Forwards stored events. Those that cannot be forwarded are left to the sweep of other nodes. */
  async close(): Promise<void> {
    await Promise.all(
      this.end().map((subject) => subject.working ?? (subject.isPending ? this.start(subject) : undefined)),
    );
  }

  protected storeNote({ tenant, at }: ForwardedSubject): Promise<void> {
    return this.#forwarding.note(tenant, at);
  }

  protected removeNote({ tenant, at, isDoubtful }: ForwardedSubject): void {
    if (!isDoubtful) void this.#forwarding.removeNote(tenant, at).catch(() => undefined);
  }

  protected changed(subject: ForwardedSubject): void {
    subject.isPending = true;
    void this.start(subject);
  }

  protected async work(subject: ForwardedSubject): Promise<void> {
    let isWhole = true;
    while (subject.isPending) {
      subject.isPending = false;
      const forwarded = await this.#forwarding.forward(subject.tenant, subject.at, subject.last);
      subject.last = forwarded.last;
      isWhole = forwarded.isWhole;
      if (subject.isPending && !this.isClosed) await this.#pause(subject);
    }
    // Looked at again, as a node of a newer version may have forwarded the next event.
    subject.isPending = !isWhole;
  }

  protected worked(subject: ForwardedSubject): void {
    this.lookAfter(subject, TIMES.eventsInHandMs);
  }

  /** Waits for more events of a busy subject, since forwarding several together costs less. */
  async #pause(subject: ForwardedSubject): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(TIMES.eventsTogetherMs, resolve);
      subject.stopWaiting = () => {
        cancel();
        resolve();
      };
    });
    subject.stopWaiting = null;
  }
}
