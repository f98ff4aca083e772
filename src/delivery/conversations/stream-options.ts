/** The options of a stream over conversations, and the parts of this node that it uses. */
import type { Bearer } from '../../access/bearer.ts';
import type { Clock } from '../../clock.ts';
import type { Engine } from '../../engine/port.ts';
import type { ServiceError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { ConversationId, Position } from '../../model.ts';
import type { ChannelRegistry } from '../channel-registry.ts';
import type { FollowCounts } from '../follow-counts.ts';
import type { ListReporter } from '../inbox/list-reporter.ts';
import type { Doubts } from '../sessions/doubts.ts';
import type { ConversationChannel } from './channel.ts';
import type { CountGap } from './channel-parts.ts';
import type { ClientPositions } from './client-positions.ts';
import type { Selection } from './followed-conversation.ts';
import type { Merging } from './merging.ts';
import type { SharedLog } from './shared-log.ts';

/** Called for each conversation, topic and list: the stream resumed at the reader's position, or could not and why. */
export type CountResume = (outcome: 'resumed' | 'expired', why?: ServiceError) => void;

/** Called for each followed conversation, with the position past which its events come, and the reason if that is not the reader's. */
export type OnBegin = (id: ConversationId, position: Position, expiry: ServiceError | null) => void;

export interface ConversationStreamOptions<Event extends object> {
  readonly bearer: Bearer;
  /** Null: all of the viewer's, including those joined later. */
  readonly conversationIds: readonly ConversationId[] | null;
  readonly after: ClientPositions;
  readonly selection: Selection<Event>;
  readonly onBegin?: OnBegin;
  /** Whether a conversation whose position expired begins live. Otherwise the whole stream is refused. */
  readonly isForgiving?: boolean;
  readonly reporter?: ListReporter;
}

export interface ConversationStreamContext {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  readonly countGap: CountGap;
  readonly countResume: CountResume;
  readonly merging: Merging;
  readonly channels: ChannelRegistry<ConversationChannel>;
  readonly sharedLog: SharedLog;
  readonly doubts: Doubts;
  readonly followCounts: FollowCounts;
}

const NONE: readonly ConversationId[] = [];
const NOWHERE: ClientPositions = new Map();

/** Without the names and start positions. Only streams without names have a reporter. */
export const withoutStart = <Event extends object>({
  bearer,
  selection,
}: ConversationStreamOptions<Event>): ConversationStreamOptions<Event> => ({
  bearer,
  conversationIds: NONE,
  after: NOWHERE,
  selection,
});
