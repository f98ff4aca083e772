/**
 * Work that follows changes of a subject, on data of another slot.
 *
 * Redis cannot change two slots in one step. So before a change the node notes, in a key of the tenant, that it works on
 * the subject; after the change it does the work and removes the note. If the node dies, another one finds the note and
 * does the work. Changes of a subject that follow each other share one note, and one run of the work.
 */
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { TenantId } from '../../model.ts';
import { isAway } from './outage.ts';

/** A subject that this node works on. */
export class NotedSubject {
  readonly tenant: TenantId;
  /** Unique among the subjects of a tenant. */
  readonly name: string;
  /** Null: there is no note, or storing it failed. */
  noted: Promise<void> | null = null;
  /** By the clock's `elapsed`. */
  notedAt = 0;
  /** The number of running changes. */
  running = 0;
  /** Whether there is work. */
  isPending = false;
  /** Never rejects. Null: the work is not running. */
  working: Promise<void> | null = null;
  /** Whether the last run of the work failed because of its data. It was logged. */
  isFaulty = false;
  /** Ends a wait before or within the work. */
  stopWaiting: (() => void) | null = null;

  constructor(tenant: TenantId, name: string) {
    this.tenant = tenant;
    this.name = name;
  }
}

export interface NotedWorkParts {
  readonly clock: Clock;
  readonly log: Log;
  /** The note and the change are stored in the order of their commands, so the change need not wait for the note. */
  readonly isOneServer: boolean;
}

interface NotedWorkOptions {
  /** The number of subjects at once. */
  readonly most: number;
  /** The age of a note at which other nodes do the work. */
  readonly staleMs: number;
  /** The log line of a failure. */
  readonly failed: string;
}

export abstract class NotedWork<Subject extends NotedSubject> {
  readonly #parts: NotedWorkParts;
  readonly #options: NotedWorkOptions;
  /** The subject that was taken first comes first. */
  readonly #subjects = new Map<string, Subject>();
  #isClosed = false;

  constructor(parts: NotedWorkParts, options: NotedWorkOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  protected get isClosed(): boolean {
    return this.#isClosed;
  }

  protected abstract storeNote(subject: Subject): Promise<void>;
  protected abstract removeNote(subject: Subject): void;
  /** Called after each change. */
  protected abstract changed(subject: Subject): void;
  /** Sets `isPending` to whether there is more to do. */
  protected abstract work(subject: Subject): Promise<void>;
  /** Called after each run of the work, unless closed. */
  protected abstract worked(subject: Subject): void;

  /** The subject of this name; undefined: this node does not work on it yet. */
  protected find(tenant: TenantId, name: string): Subject | undefined {
    return this.#subjects.get(keyOf(tenant, name));
  }

  protected add(subject: Subject): Subject {
    this.#makeRoom();
    this.#subjects.set(keyOf(subject.tenant, subject.name), subject);
    return subject;
  }

  /** Called before each change. On several servers the change waits for the note, which is returned. */
  protected changeBegins(subject: Subject): Promise<void> | null {
    subject.running += 1;
    void this.renewNote(subject);
    return this.#parts.isOneServer ? null : subject.noted;
  }

  protected changeEnds(subject: Subject): void {
    subject.running -= 1;
    this.changed(subject);
  }

  /** Stores the note, also again when it is so old that other nodes would soon do the work. */
  protected renewNote(subject: Subject): Promise<void> {
    const now = this.#parts.clock.elapsed();
    if (subject.noted && now - subject.notedAt < this.#options.staleMs / 2) return subject.noted;
    const noted = this.storeNote(subject);
    subject.noted = noted;
    subject.notedAt = now;
    // A caller that waits for it gets the error; otherwise the change itself fails as well.
    noted.catch(() => {
      if (subject.noted === noted) subject.noted = null;
    });
    return noted;
  }

  /** Starts the work, unless it is running. */
  protected start(subject: Subject): Promise<void> {
    subject.working ??= this.#run(subject);
    return subject.working;
  }

  /** Waits, then starts the work, or releases a subject without work. */
  protected lookAfter(subject: Subject, ms: number): void {
    subject.stopWaiting = this.#parts.clock.after(ms, () => {
      subject.stopWaiting = null;
      if (subject.isPending) void this.start(subject);
      else this.release(subject);
    });
  }

  /** Releases a subject without work. The end of a running change looks at it again. */
  protected release(subject: Subject): void {
    const key = keyOf(subject.tenant, subject.name);
    // A subject that was released to make room may have been taken again under the same note.
    if (subject.running > 0 || this.#subjects.get(key) !== subject) return;
    this.#subjects.delete(key);
    this.removeNote(subject);
  }

  /** Ends all waits. Returns the subjects. */
  protected end(): Subject[] {
    this.#isClosed = true;
    const all = [...this.#subjects.values()];
    this.#subjects.clear();
    for (const { stopWaiting } of all) stopWaiting?.();
    return all;
  }

  async #run(subject: Subject): Promise<void> {
    subject.stopWaiting?.();
    subject.stopWaiting = null;
    try {
      await this.work(subject);
      subject.isFaulty = false;
    } catch (error) {
      subject.isPending = true;
      // The first of consecutive failures is logged, but not that Redis is away.
      if (!isAway(error) && !subject.isFaulty) {
        subject.isFaulty = true;
        this.#parts.log.error({ err: error, tenant: subject.tenant, subject: subject.name }, this.#options.failed);
      }
    }
    subject.working = null;
    if (!this.#isClosed) this.worked(subject);
  }

  /** Releases the subject taken first that no change needs. Its note stays, so other nodes do its work. */
  #makeRoom(): void {
    if (this.#subjects.size < this.#options.most) return;
    for (const [key, { running, stopWaiting }] of this.#subjects) {
      if (running > 0) continue;
      stopWaiting?.();
      this.#subjects.delete(key);
      return;
    }
  }
}

const keyOf = (tenant: TenantId, name: string): string => JSON.stringify([tenant, name]);
