/** Work that is noted before a change: when the note is stored and renewed, and when it is removed. */
import { NotedSubject, NotedWork } from '../../src/engine/redis/noted-work.ts';
import { StillClock } from '../support/still-clock.ts';
import { silentLog, tenant } from '../support/world.ts';

const STALE_MS = 1_000;

/** Works on nothing; a subject without a running change is released as soon as its work has ended. */
class Work extends NotedWork<NotedSubject> {
  readonly done: string[] = [];

  /** Begins a change; returns what ends it. */
  begin(name: string): () => void {
    const subject = this.find(tenant, name) ?? this.add(new NotedSubject(tenant, name));
    void this.changeBegins(subject);
    return () => this.changeEnds(subject);
  }
  protected async storeNote({ name }: NotedSubject): Promise<void> {
    this.done.push(`note ${name}`);
  }
  protected removeNote({ name }: NotedSubject): void {
    this.done.push(`remove ${name}`);
  }
  protected changed(subject: NotedSubject): void {
    this.release(subject);
  }
  protected async work(): Promise<void> {}
  protected worked(): void {}
}

describe('noted work', () => {
  const open = () => {
    const clock = new StillClock();
    const parts = { clock, log: silentLog, isOneServer: true };
    return { clock, work: new Work(parts, { most: 2, staleMs: STALE_MS, failed: 'failed' }) };
  };

  it('has a note until the last of its changes has ended', () => {
    const { work } = open();
    const [endFirst, endSecond] = [work.begin('one'), work.begin('one')];
    endFirst();
    expect(work.done).toEqual(['note one']);
    endSecond();
    expect(work.done).toEqual(['note one', 'remove one']);
    work.begin('one')();
    expect(work.done).toEqual(['note one', 'remove one', 'note one', 'remove one']);
  });

  it('renews a note at half the age at which other nodes would do the work', () => {
    const { clock, work } = open();
    work.begin('one');
    clock.advance(STALE_MS / 2 - 1);
    work.begin('one');
    expect(work.done).toEqual(['note one']);
    clock.advance(1);
    work.begin('one');
    expect(work.done).toEqual(['note one', 'note one']);
  });
});
