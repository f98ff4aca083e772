/** A correct client of the inbox: it shows what it receives, resumes at its position, and restarts when told to. */
import { setImmediate as turn } from 'node:timers/promises';
import { fixedBearer } from '../../src/access/bearer.ts';
import { resumeNow } from '../../src/delivery/back-pressure.ts';
import type { Delivery } from '../../src/delivery/delivery.ts';
import type { InboxStreamEvent } from '../../src/delivery/inbox/inbox-events.ts';
import type { LiveStream } from '../../src/delivery/stream.ts';
import type { Engine } from '../../src/engine/port.ts';
import { ServiceError } from '../../src/errors.ts';
import type { ConversationId, Position, UserId } from '../../src/model.ts';
import { NoLonger } from '../support/eventually.ts';
import type { TestClock } from '../support/test-clock.ts';
import { viewerOf } from '../support/world.ts';
import { Picture } from './inbox-picture.ts';

export class InboxClient {
  readonly #user: UserId;
  readonly #picture: Picture;
  #stream: LiveStream<InboxStreamEvent> | null = null;
  #error: ServiceError | null = null;
  #isLive = false;

  /** `isRepeatable`: what followed a checkpoint may come again. */
  constructor(engine: Engine, user: UserId, isRepeatable: boolean) {
    this.#user = user;
    this.#picture = new Picture(engine, isRepeatable);
  }

  get isConnected(): boolean {
    return this.#stream !== null && this.#error === null;
  }

  /** Whether it was told that it has everything. */
  get isLive(): boolean {
    return this.#isLive;
  }

  /** Its user deleted a direct conversation for themselves, on another device. `at`: from where nothing of it may be told. */
  hide(id: ConversationId, at: Position | null): void {
    this.#picture.hide(id, at);
  }

  /** Something is sent in it. */
  show(id: ConversationId): void {
    this.#picture.unhide(id);
  }

  /** Again if it fails for the engine's sake, and from nothing when it is told so. */
  async connect(delivery: Delivery): Promise<void> {
    if (this.isConnected) return;
    await this.leave();
    try {
      const stream = await delivery.inboxStream(fixedBearer(viewerOf(this.#user)), this.#picture.resume);
      this.#stream = stream;
      // The list is read once nothing that changes it is missed; what is told meanwhile waits.
      const isNew = !this.#picture.resume.checkpoint;
      const held: InboxStreamEvent[] | null = isNew ? [] : null;
      let isHeld = isNew;
      this.#listen(stream, (event) => (isHeld ? held?.push(event) : this.#hear(event)));
      if (isNew) await this.#picture.begin(this.#user);
      isHeld = false;
      for (const event of held ?? []) this.#hear(event);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      if (error.code === 'POSITION_EXPIRED') this.#picture.forget();
      else if (error.code !== 'SERVICE_UNAVAILABLE') throw error;
    }
  }

  async leave(): Promise<void> {
    const stream = this.#stream;
    this.#stream = null;
    this.#error = null;
    this.#isLive = false;
    await stream?.return();
    await this.#picture.read();
  }

  /** It is live, and shows what there is. Throws until that is so. */
  async check(delivery: Delivery, clock: TestClock): Promise<void> {
    await this.connect(delivery);
    for (let n = 0; n < 3; n += 1) await turn();
    clock.advance(250);
    await this.#picture.read();
    if (this.#picture.breaches.length > 0) throw new NoLonger(this.#picture.breaches.join('\n'));
    expect([this.#isLive, await this.#picture.differences(this.#user)]).toEqual([true, []]);
  }

  #hear(event: InboxStreamEvent): void {
    this.#picture.take(event);
    if ('kind' in event && event.kind === 'Checkpoint') this.#isLive = true;
  }

  #listen(stream: LiveStream<InboxStreamEvent>, hear: (event: InboxStreamEvent) => void): void {
    const isPresent = (): boolean => this.#stream === stream;
    stream.pipe({
      push: (event) => {
        if (isPresent()) hear(event);
      },
      end: (error) => {
        if (isPresent()) this.#error = error;
      },
      // What was pushed was delivered.
      withdraw: () => undefined,
      isCongested: () => false,
      onRoom: resumeNow,
    });
  }
}
