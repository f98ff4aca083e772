/** The event ids of streams, by which a client of server-sent events resumes. */
import type { IdOf } from '../delivery/rendered-stream.ts';

const IDS = new WeakMap<object, IdOf>();

/** The same stream, whose events have ids. */
export function withIds<Stream extends object>(stream: Stream, idOf: IdOf): Stream {
  IDS.set(stream, idOf);
  return stream;
}

/** Null: the events have no ids. */
export const idsOf = (stream: object): IdOf | null => IDS.get(stream) ?? null;
