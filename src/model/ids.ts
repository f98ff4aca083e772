/** The ids of the nouns. Each has its own type, so that no id is mistaken for another. */

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type TenantId = Branded<'TenantId'>;
export type UserId = Branded<'UserId'>;
export type ConversationId = Branded<'ConversationId'>;
export type MessageId = Branded<'MessageId'>;
export type ConnectionId = Branded<'ConnectionId'>;
export type DeviceId = Branded<'DeviceId'>;
export type SessionId = Branded<'SessionId'>;
export type Topic = Branded<'Topic'>;
export type RoutingRuleId = Branded<'RoutingRuleId'>;
export type PublicationId = Branded<'PublicationId'>;

const IDENTIFIER = /^[A-Za-z0-9._:@-]{1,128}$/;

/** Whether a text has the form of an id: 1 to 128 of `A-Z a-z 0-9 . _ : @ -`. */
export function isIdentifier(text: string): boolean {
  return IDENTIFIER.test(text);
}

/** The platform assigns user ids, such as `auth0|64f`, `ann+tag@example.org` or `a/b`. */
const USER_ID = /^[^\p{White_Space}\p{Cc}\p{Cs}]{1,128}$/u;

/** Whether a text can be a user's id: 1 to 128 code points, none white space, a control character or a lone surrogate. */
export function isUserId(text: string): text is UserId {
  // A code point takes at most two units, so longer texts are refused before the pattern runs.
  return text.length <= 256 && USER_ID.test(text);
}
/** A reference to an entity of the main API. */
export interface UserReference {
  readonly id: UserId;
}
