/** The outcome of a message, now or when it was sent before. */
import type { Append } from '../engine/port.ts';

export type Sent = Exclude<Append, { readonly outcome: 'diverted' }>;
