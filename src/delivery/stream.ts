/** The result of a subscription resolver: events that can be iterated, or handed to a sink. */
import type { ServiceError } from '../errors.ts';
import type { BackPressure } from './back-pressure.ts';

/** The destination of a stream's events. Called synchronously, in order. Replays wait for room in it; live events never do. */
export interface Sink<Event> extends BackPressure {
  push(event: Event): void;
  /** Drops undelivered events that match, since their reader lost access meanwhile. */
  withdraw(isWithdrawn: (event: Event) => boolean): void;
  /** Ends the stream, with an error when it could not continue. */
  end(error: ServiceError | null): void;
}

/**
 * A live stream.
 *
 * No event is missed from its creation on: it is created only after its channels have joined the bus. Events are shared
 * objects: all streams of a channel get the identical object for an event, so a renderer may cache a result by the
 * event itself.
 */
export interface LiveStream<Event extends object> extends AsyncIterableIterator<Event, undefined> {
  /** Hands everything not yet iterated, and all that follows, to `sink`. */
  pipe(sink: Sink<Event>): void;
  return(): Promise<IteratorResult<Event, undefined>>;
  throw(): Promise<IteratorResult<Event, undefined>>;
}
