/** Changes of Lua scripts, chosen by hand: Stryker does not know Lua. */
import type { LuaMutation } from './lua/change.ts';
import { CONVERSATIONS } from './lua/conversations.ts';
import { EVENTS } from './lua/events.ts';
import { LISTS } from './lua/lists.ts';
import { MESSAGES } from './lua/messages.ts';
import { USERS } from './lua/users.ts';

/** The id of a mutant, from its place in the list. */
export const luaId = (index: number): string => `lua-${index}`;

export const LUA_MUTATIONS: readonly LuaMutation[] = [...CONVERSATIONS, ...MESSAGES, ...LISTS, ...USERS, ...EVENTS];
