/** The caller, and the claims of their token. */
import type { DeviceId, SessionId, TenantId, UserId } from './ids.ts';

/** Rights of a token beyond its user's own data. */
export type Scope = 'realtime:admin' | 'realtime:service';

/** Patterns of topics that a token names. Null: no such claim, so the default applies. */
export interface TopicClaims {
  readonly publish: readonly string[] | null;
  readonly subscribe: readonly string[] | null;
}
/** The caller, as proved by a verified token. */
export interface Viewer {
  readonly tenant: TenantId;
  readonly userId: UserId;
  readonly scopes: ReadonlySet<string>;
  /** The session of a token that this service issued. Null: a token of the platform. */
  readonly sessionId: SessionId | null;
  /** The device that the token names; null: none. */
  readonly deviceId: DeviceId | null;
  /** Null: the token has no `iat`. */
  readonly issuedAt: number | null;
  readonly topics: TopicClaims;
  /** When the token ends; sockets close with 4403 then. */
  readonly expiresAt: number;
  /**
   * The back end that acts for this user, and whose rates count. Left out: the user acts directly. Set by
   * `access/acting.ts` only.
   */
  readonly actor?: Viewer;
}

/** Whether the viewer is a back end of the platform. It may publish to any user of its tenant. */
export const isService = ({ scopes }: Viewer): boolean => scopes.has('realtime:service');
