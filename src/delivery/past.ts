/**
 * Events that are older than their delivery: replays, and changes of messages. Their age is not a latency. The set
 * holds these and not the new events, so that the hot path does no work.
 */
const past = new WeakSet<object>();

export const notePast = (event: object): void => void past.add(event);

export const isPast = (event: object): boolean => past.has(event);
