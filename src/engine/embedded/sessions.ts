/** Sessions in SQLite. */
import type { SessionRecord, UserId } from '../../model.ts';
import type { SessionStore } from '../port.ts';
import { announceSession } from '../shared/session.ts';
import type { Database } from './database.ts';

export function createSessions(database: Database): SessionStore {
  const all = database.prepare('SELECT record FROM sessions WHERE tenant = ? AND user_id = ?');
  const one = database.prepare('SELECT record FROM sessions WHERE tenant = ? AND user_id = ? AND id = ?');
  const find = database.prepare('SELECT user_id FROM sessions WHERE tenant = ? AND id = ?');
  const forget = database.prepare('DELETE FROM sessions WHERE tenant = ? AND user_id = ? AND id = ?');
  const put = database.prepare('INSERT OR REPLACE INTO sessions (tenant, user_id, id, record) VALUES (?, ?, ?, ?)');
  const refusal = database.prepare('SELECT up_to FROM token_refusals WHERE tenant = ? AND user_id = ?');
  const refuse = database.prepare(
    `INSERT INTO token_refusals (tenant, user_id, up_to) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET up_to = max(up_to, excluded.up_to)`,
  );
  const decode = (row: unknown): SessionRecord => JSON.parse((row as { record: string }).record) as SessionRecord;

  return {
    async readSessions(tenant, userId, id) {
      return database.read(() => (id === null ? all.all(tenant, userId) : one.all(tenant, userId, id)).map(decode));
    },

    async findSessionUser(tenant, id) {
      const row = (await database.read(() => find.get(tenant, id))) as { readonly user_id: string } | undefined;
      return (row?.user_id ?? null) as UserId | null;
    },

    async writeSession(tenant, session, forgotten) {
      const { userId, id } = session;
      return database.write((announce) => {
        const row = one.get(tenant, userId, id);
        if ((row ? decode(row).version : 0) !== session.version - 1) return false;
        for (const old of forgotten) forget.run(tenant, userId, old);
        put.run(tenant, userId, id, JSON.stringify(session));
        announce({ kind: 'sessions', tenant, id: userId }, announceSession(session));
        return true;
      });
    },

    async readRefusal(tenant, userId) {
      const row = (await database.read(() => refusal.get(tenant, userId))) as { readonly up_to: number } | undefined;
      return row?.up_to ?? null;
    },

    async refuseTokens(tenant, userId, upTo) {
      await database.write((announce) => {
        refuse.run(tenant, userId, upTo);
        announce({ kind: 'sessions', tenant, id: userId }, { type: 'tokens-refused', upTo });
      });
    },
  };
}
