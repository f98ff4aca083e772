/** The nouns of the service as types. Instants are milliseconds since the Unix epoch. */
export type * from './model/bookmarks.ts';
export * from './model/consumers.ts';
export * from './model/conversations.ts';
export * from './model/ids.ts';
export type * from './model/inbox.ts';
export * from './model/messages.ts';
export type * from './model/position.ts';
export type * from './model/presence.ts';
export type * from './model/rates.ts';
export type * from './model/routing.ts';
export type * from './model/sessions.ts';
export type * from './model/topics.ts';
export * from './model/viewer.ts';
