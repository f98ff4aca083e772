/**
 * Selects a field many times, so that one small change is one large event. The kernel buffers tens of megabytes for a
 * peer that does not read; with such events a test fills it with few messages.
 */
const TIMES = 20;

export const manyTimes = (field: string): string =>
  Array.from({ length: TIMES }, (_, n) => `${field}${n}: ${field}`).join(' ');
