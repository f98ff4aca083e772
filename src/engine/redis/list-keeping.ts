/** Keeps data in other slots, such as members' lists, in step with conversations. */
import type { EventOutbox } from './event-outbox.ts';
import type { ListUpdates } from './list-updates.ts';
import type { Lists } from './lists.ts';
import type { MembershipQuota } from './membership-quota.ts';
import type { Memberships } from './memberships.ts';
import type { Rooms } from './rooms.ts';

export interface ListKeeping {
  readonly lists: Lists;
  readonly memberships: Memberships;
  readonly rooms: Rooms;
  readonly updates: ListUpdates;
  readonly quota: MembershipQuota;
  readonly outbox: EventOutbox;
  readonly isOneServer: boolean;
}
