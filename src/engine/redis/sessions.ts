/** Sessions in Redis: one hash for each user, in the slot of the user's channels. */
import { LIMITS, TIMES } from '../../limits.ts';
import type { SessionRecord } from '../../model.ts';
import type { SessionStore } from '../port.ts';
import { announceSession } from '../session.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';

export function createSessions(run: RunScript, keys: Keys): SessionStore {
  return {
    async readSessions(tenant, userId, id) {
      const answer = await run('read-sessions', [keys.user(tenant, userId).sessions], [id ?? '']);
      return (answer as (string | null)[])
        .filter((json) => json !== null)
        .map((json) => JSON.parse(json) as SessionRecord);
    },

    async writeSession(tenant, session, forgotten) {
      const { sessions, sessionsChannel } = keys.user(tenant, session.userId);
      const args = [session.id, session.version, JSON.stringify(session), JSON.stringify(announceSession(session))];
      const old = forgotten.slice(0, LIMITS.sessionsPerUser);
      return (await run('write-session', [sessions, sessionsChannel], [...args, TIMES.sessionMs, ...old])) === 1;
    },
  };
}
