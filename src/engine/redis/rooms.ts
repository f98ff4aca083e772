/** The list of a tenant's rooms in Redis. */
import type { ConversationId, TenantId } from '../../model.ts';
import type { RoomStore } from '../port.ts';
import { roomName } from '../shared/room-name.ts';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';

/** Separates name and id. No name contains it, and it sorts before every character of a name. */
const END = '\u0000';
/** Sorts after every character of a name. */
const LAST = '\u{10ffff}';

/** The data of a conversation that the list of rooms stores. */
export interface RoomFacts {
  readonly name: string | null;
  readonly version: string;
}

export interface Rooms extends RoomStore {
  /** Enters a room in the list of its tenant's rooms, under its name. */
  list(tenant: TenantId, id: ConversationId, room: RoomFacts): Promise<void>;
  remove(tenant: TenantId, id: ConversationId): Promise<void>;
}

/** `isOneServer`: commands run in the order in which they are sent. */
export function createRooms(client: RedisClient, run: RunScript, keys: Keys, isOneServer: boolean): Rooms {
  async function index(tenant: TenantId, id: ConversationId, version: string, name: string): Promise<unknown> {
    const { order, rooms } = keys.rooms(tenant);
    return run('index-room', [order, rooms], [id, version, name]);
  }

  async function remove(tenant: TenantId, id: ConversationId): Promise<void> {
    await index(tenant, id, String(Number.MAX_SAFE_INTEGER), '');
  }

  return {
    async list(tenant, id, { name, version }) {
      const placing = index(tenant, id, version, `${roomName(name)}${END}${id}`);
      if (!isOneServer && (await placing) !== 'moved') return;
      // The room may have been deleted and removed from the list since its version was read. A later deletion removes
      // it after this.
      const looking = attempt(() => client.exists(keys.conversation(tenant, id).meta));
      const [outcome, exists] = await Promise.all([placing, looking]);
      if (outcome === 'moved' && !exists) await remove(tenant, id);
    },
    remove,

    async listRooms(tenant, { search: given, after, limit }) {
      const search = roomName(given);
      const first = after ? `(${after.name}${END}${after.id}` : `[${search}`;
      const { order } = keys.rooms(tenant);
      const names = await attempt(() => client.zrange(order, first, `(${search}${LAST}`, 'BYLEX', 'LIMIT', 0, limit));
      return names.map((each) => {
        const [name = '', id = ''] = each.split(END);
        return { name, id: id as ConversationId };
      });
    },
  };
}
