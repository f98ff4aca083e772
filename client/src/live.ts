/** The subscription to the caller's inbox, resumed at the client's position. */
import { endOf } from './closes.ts';
import type { Connection } from './connection.ts';
import { INBOX_EVENTS } from './documents.ts';
import { RequestError } from './errors.ts';
import type { InboxEvent } from './events.ts';
import type { Link } from './link.ts';
import type { Positions } from './positions.ts';

export interface LiveOptions {
  readonly connection: () => Connection | null;
  readonly positions: Positions;
  readonly onEvent: (event: InboxEvent) => void;
  /** All missed events have arrived. */
  readonly onLive: (link: Link) => void;
  /** The client's position cannot be resumed: everything is read again. */
  readonly onLost: (reason: string) => void;
}

export class Live {
  readonly #options: LiveOptions;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  begin(link: Link): void {
    const { positions, onLive, onLost, connection } = this.#options;
    const { after } = positions;
    let isLive = false;
    link.subscribe<{ inbox: InboxEvent }>(
      INBOX_EVENTS,
      { after },
      {
        next: ({ inbox }) => {
          this.#take(inbox);
          if (isLive || inbox.__typename !== 'Checkpoint' || !inbox.isLive) return;
          isLive = true;
          onLive(link);
        },
        end: (error) => {
          if (link.isOver) return;
          const reason = after === null ? null : lostBy(error);
          if (reason === null) return connection()?.cut(endOf(error));
          positions.clear();
          onLost(reason);
          this.begin(link);
        },
      },
    );
  }

  #take(event: InboxEvent): void {
    const { positions, onEvent } = this.#options;
    switch (event.__typename) {
      case 'MessageSent':
      case 'MessageChanged':
        positions.moved(event.message.conversationId, event.message.position);
        break;
      case 'ConversationLeft':
      case 'ConversationReset':
        positions.forget(event.conversationId);
        break;
      case 'Checkpoint':
        positions.checkpoint(event.position);
    }
    onEvent(event);
  }
}

/** Why a position cannot be resumed: it expired, or belongs to another service. Null: another error. */
function lostBy(error: Error): string | null {
  if (!(error instanceof RequestError)) return null;
  if (error.code === 'POSITION_EXPIRED') return error.reason ?? 'RETENTION';
  return error.code === 'BAD_USER_INPUT' ? 'EPOCH' : null;
}
