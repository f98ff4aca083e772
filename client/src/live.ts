/** The subscription to the caller's inbox, resumed at the client's position. */
import { endOf } from './closes.ts';
import { INBOX_EVENTS } from './documents.ts';
import type { RequestError } from './errors.ts';
import type { InboxEvent } from './events.ts';
import type { Link } from './link.ts';
import type { Positions } from './positions.ts';

export interface LiveOptions {
  readonly positions: Positions;
  readonly onEvent: (event: InboxEvent) => void;
  /** All missed events have arrived. */
  readonly onLive: (link: Link) => void;
  /** The client's position cannot be resumed: everything is read again. */
  readonly onLost: (reason: string) => void;
}

export function follow(link: Link, options: LiveOptions): void {
  const { positions, onEvent, onLive, onLost } = options;
  const { after } = positions;
  let isLive = false;
  link.subscribe<{ inbox: InboxEvent }>(
    INBOX_EVENTS,
    { after },
    {
      next: ({ inbox }) => {
        move(positions, inbox);
        onEvent(inbox);
        if (isLive || inbox.__typename !== 'Checkpoint' || !inbox.isLive) return;
        isLive = true;
        onLive(link);
      },
      end: (error) => {
        if (link.isOver) return;
        const reason = after === null ? null : lostBy(error);
        if (reason === null) return link.cut(endOf(error));
        positions.restart(null);
        onLost(reason);
        follow(link, options);
      },
    },
  );
}

function move(positions: Positions, event: InboxEvent): void {
  switch (event.__typename) {
    case 'MessageSent':
    case 'MessageChanged':
      positions.since.set(event.message.conversationId, event.message.position);
      break;
    case 'ConversationLeft':
    case 'ConversationReset':
      positions.since.delete(event.conversationId);
      break;
    case 'Checkpoint':
      positions.restart(event.position);
  }
}

/** Why a position cannot be resumed: it expired, or belongs to another service. Null: another error. */
function lostBy(error: Error): string | null {
  const { code, reason } = error as Partial<RequestError>;
  if (code === 'POSITION_EXPIRED') return reason ?? 'RETENTION';
  return code === 'BAD_USER_INPUT' ? 'EPOCH' : null;
}
