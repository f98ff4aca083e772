/** The outcome of a message, by this call or an earlier one. */
import type { Append } from '../engine/port.ts';

export type Sent = Exclude<Append, { readonly outcome: 'diverted' }>;
