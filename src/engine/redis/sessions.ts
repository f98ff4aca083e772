/** Sessions in Redis: one hash per user, in the slot of the user's channels, and a key per session with its user. */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { SessionRecord, UserId } from '../../model.ts';
import type { Announcement, SessionStore } from '../port.ts';
import { announceSession } from '../shared/session.ts';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import type { EventOutbox } from './event-outbox.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';
import { ValueReads } from './value-reads.ts';

export interface SessionParts {
  readonly clock: Clock;
  readonly outbox: EventOutbox;
  readonly isOneServer: boolean;
}

export function createSessions(
  client: RedisClient,
  run: RunScript,
  keys: Keys,
  { clock, outbox, isOneServer }: SessionParts,
): SessionStore {
  const values = new ValueReads(client, isOneServer);
  /** How long a session is stored: until it ends, with a maximum. */
  const lifeOf = ({ expiresAt }: SessionRecord): number =>
    Math.min(Math.max(expiresAt - clock.now(), 1), TIMES.longestSessionMs);

  return {
    async readSessions(tenant, userId, id) {
      const answer = await run('read-sessions', [keys.user(tenant, userId).sessions], [id ?? '']);
      return (answer as (string | null)[])
        .filter((json) => json !== null)
        .map((json) => JSON.parse(json) as SessionRecord);
    },

    async findSessionUser(tenant, id) {
      return (await attempt(() => client.get(keys.sessionUser(tenant, id)))) as UserId | null;
    },

    async writeSession(tenant, session, forgotten) {
      // In another slot, so written first: it may name a session that does not exist, but never lack one that does.
      const { sessionUser } = keys;
      await attempt(() => client.set(sessionUser(tenant, session.id), session.userId, 'PX', lifeOf(session)));
      const { sessions, sessionsMark, sessionsChannel } = keys.user(tenant, session.userId);
      const args = [session.id, session.version, JSON.stringify(session), JSON.stringify(announceSession(session))];
      const old = forgotten.slice(0, LIMITS.sessionsPerUser);
      const events = keys.userEvents(tenant, session.userId);
      const at = [sessions, sessionsMark, sessionsChannel];
      return (await outbox.run(tenant, events, 'write-session', at, [...args, lifeOf(session), ...old])) === 1;
    },

    async readRefusal(tenant, userId) {
      const upTo = await attempt(() => values.read(keys.user(tenant, userId).refusal));
      return upTo === null ? null : Number(upTo);
    },

    async refuseTokens(tenant, userId, upTo) {
      const { refusal, sessionsMark, sessionsChannel } = keys.user(tenant, userId);
      const announcement: Announcement = { type: 'tokens-refused', upTo };
      await run('refuse-tokens', [refusal, sessionsMark, sessionsChannel], [upTo, JSON.stringify(announcement)]);
    },
  };
}
