/**
 * A field asked for again and again, so that one small change is one large event: the kernel holds tens of megabytes for
 * a peer who does not read, which nobody has to send message by message.
 */
const TIMES = 20;

export const manyTimes = (field: string): string =>
  Array.from({ length: TIMES }, (_, n) => `${field}${n}: ${field}`).join(' ');
