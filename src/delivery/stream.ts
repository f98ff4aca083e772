/** What a subscription resolver returns: events that can be iterated, or handed to a sink. */
import type { ServiceError } from '../errors.ts';
import type { Room } from './room.ts';

/** Where a stream's events go. Called synchronously, in order. Replays wait for room in it; what is live never does. */
export interface Sink<Event> extends Room {
  push(event: Event): void;
  /** Of the events that are not delivered yet, these may not be any more: their reader lost access meanwhile. */
  withdraw(isWithdrawn: (event: Event) => boolean): void;
  /** Nothing follows. With an error when the stream could not go on. */
  end(error: ServiceError | null): void;
}

/**
 * A live stream.
 *
 * From the moment it exists nothing is missed: it is made only after its
 * channels have joined the bus. Events are shared objects: every stream of the
 * same channel is given the identical object for the same event, so whoever
 * renders events may remember a result by the event itself.
 */
export interface LiveStream<Event extends object> extends AsyncIterableIterator<Event, undefined> {
  /** The channels it listens to now. */
  readonly channels: ReadonlySet<string>;
  /** Hands everything not yet iterated, and all that follows, to `sink`. */
  pipe(sink: Sink<Event>): void;
  return(): Promise<IteratorResult<Event, undefined>>;
  throw(): Promise<IteratorResult<Event, undefined>>;
}
