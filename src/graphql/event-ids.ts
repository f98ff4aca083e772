/** The ids by which a reader of server-sent events resumes, for the streams that have them. */
import type { IdOf } from '../delivery/rendered-stream.ts';

const IDS = new WeakMap<object, IdOf>();

/** The same stream, whose events have ids. */
export function withIds<Stream extends object>(stream: Stream, idOf: IdOf): Stream {
  IDS.set(stream, idOf);
  return stream;
}

/** Null: its events have none. */
export const idsOf = (stream: object): IdOf | null => IDS.get(stream) ?? null;
