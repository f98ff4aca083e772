export { Disconnected, RequestError } from './errors.ts';
export type { RealtimeOptions } from './options.ts';
export type { SendOptions } from './outbox.ts';
export { createRealtime, type Inbox, type Realtime } from './realtime.ts';
export type { Room } from './room.ts';
export type { GetToken, TokenReason } from './sign-in.ts';
export { memoryStorage } from './storage/memory.ts';
export type { StreamOptions } from './streams.ts';
export type * from './types.ts';
