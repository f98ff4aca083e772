/** The parts of this node that the channel of a conversation uses. */
import type { Clock } from '../../clock.ts';
import type { Engine } from '../../engine/port.ts';
import type { ServiceError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Merging } from './merging.ts';

/** Counts a gap in the announcements: closed from the log, or lost. `unlogged`: the loss of one stream, not logged yet. */
export type CountGap = (outcome: 'closed' | 'lost', unlogged?: ServiceError) => void;

export interface ConversationChannelParts {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  readonly countGap: CountGap;
  readonly merging: Merging;
}
