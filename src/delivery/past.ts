/**
 * Events that are older than their delivery: replays, and changes of messages. Their age is not a
 * latency. New events are not noted, since they come on the hot path.
 */
const past = new WeakSet<object>();

export const notePast = (event: object): void => void past.add(event);

export const isPast = (event: object): boolean => past.has(event);
