/**
 * Events of what was sent before: replays, and changes of messages. The time since they were
 * sent is not how long they were under way. What is new is not noted: it comes on the hot path.
 */
const past = new WeakSet<object>();

export const notePast = (event: object): void => void past.add(event);

export const isPast = (event: object): boolean => past.has(event);
