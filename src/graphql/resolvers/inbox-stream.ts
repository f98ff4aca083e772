/** The one stream of a user's inbox. */
import type { CheckpointResolvers, InboxEventResolvers, SubscriptionResolvers } from '../../__generated__/resolvers.ts';
import { type InboxStreamEvent, kindOf } from '../../delivery/inbox/inbox-events.ts';
import type { IdOf } from '../../delivery/rendered-stream.ts';
import { encodeInboxPosition, inboxRequest } from '../../domain/inbox-position.ts';
import type { CheckpointRecord, InboxPosition } from '../../model.ts';
import { withIds } from '../event-ids.ts';

/** The last encoded position. A checkpoint uses it as its id and, if selected, as its `position`. */
let latest: { readonly position: InboxPosition; readonly text: string } | null = null;

function textOf(position: InboxPosition): string {
  if (latest?.position === position) return latest.text;
  latest = { position, text: encodeInboxPosition(position) };
  return latest.text;
}

const idOfCheckpoint: IdOf = (event) =>
  kindOf(event) === 'Checkpoint' ? textOf((event as CheckpointRecord).position) : null;

export const Subscription = {
  inbox: {
    async subscribe(_, { after }, { delivery, bearer, lastEventId }) {
      return withIds(await delivery.inboxStream(bearer, inboxRequest(after, lastEventId)), idOfCheckpoint);
    },
    resolve: (event: InboxStreamEvent) => event,
  },
} satisfies SubscriptionResolvers;

export const InboxEvent = {
  __resolveType: (event) =>
    kindOf(event) as Exclude<ReturnType<InboxEventResolvers['__resolveType']>, Promise<unknown>>,
} satisfies InboxEventResolvers;

export const Checkpoint = {
  position: ({ position }) => textOf(position),
  // The owner comes from the checkpoint, so that reading it makes no other event per-viewer.
  unreadMessageCount: ({ viewer }, _, { domain }) => domain.lists.unreadOf(viewer, viewer.userId),
} satisfies CheckpointResolvers;
