/** The rooms of a tenant in SQLite. */
import type { ConversationId } from '../../model.ts';
import type { RoomStore } from '../port.ts';
import { roomName } from '../shared/room-name.ts';
import type { Database } from './database.ts';

/** Sorts after every character of a name. */
const LAST = '\u{10ffff}';

export function createRooms(database: Database): RoomStore {
  const select = database.prepare(
    `SELECT room_name AS name, id FROM conversations
     WHERE tenant = ? AND room_name IS NOT NULL AND (room_name, id) > (?, ?) AND room_name < ?
     ORDER BY room_name, id LIMIT ?`,
  );
  return {
    async listRooms(tenant, { search: given, after, limit }) {
      const search = roomName(given);
      const { name, id } = after ?? { name: search, id: '' };
      return database.read(() =>
        select.all(tenant, name, id, search + LAST, limit).map((row) => ({
          name: String(row['name']),
          id: row['id'] as ConversationId,
        })),
      );
    },
  };
}
