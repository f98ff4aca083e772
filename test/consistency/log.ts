/** What is stored of a conversation, as a query answers it. */
import type { Data } from '../support/service.ts';
import type { Trial } from './client.ts';
import { OWNER } from './users.ts';

const PAGE = 500;
const QUERY = `query ($id: ID!, $first: Int!, $after: String) {
  conversation(id: $id) {
    position lastSequence
    messages(first: $first, after: $after) {
      pageInfo { hasNextPage endCursor }
      edges { node { id sequence position content clientMessageId editedAt deletedAt reactions { emoji count } } }
    }
  }
}`;

export interface StoredLog {
  readonly id: string;
  /** Where the conversation was when its messages were read. */
  readonly position: string;
  /** Oldest first. */
  readonly messages: readonly Data[];
}

export async function readLog(trial: Trial, id: string, userId = OWNER): Promise<StoredLog> {
  const messages: Data[] = [];
  let position: string | null = null;
  let after: string | null = null;
  for (;;) {
    const { conversation } = await trial.ask(userId, QUERY, { id, first: PAGE, after });
    position ??= conversation.position as string;
    const { pageInfo, edges } = conversation.messages;
    messages.push(...edges.map(({ node }: Data) => node));
    if (!pageInfo.hasNextPage) return { id, position, messages };
    after = pageInfo.endCursor;
  }
}
