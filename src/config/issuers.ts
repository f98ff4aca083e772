/** The issuers of tokens: those of the platform, and this service itself for sessions. */
import { z } from 'zod';
import { longSecret, url } from './values.ts';

/** `iss` of the tokens that this service signs; no issuer of the platform may have it. */
export const SESSION_ISSUER = 'realtime-communication';

export interface IssuerConfig {
  /** Expected `iss`; null: any. */
  readonly issuer: string | null;
  /** Expected `aud`; null: any. */
  readonly audience: string | null;
  readonly secrets: readonly string[];
  readonly jwksUrl: string | null;
  /** Claim that names the tenant. */
  readonly tenantClaim: string;
  /** Claim that lists scopes; null: `scope`, or `scp` when there is no `scope`. */
  readonly scopeClaim: string | null;
}

const text = z.string().trim().min(1);

/** Each entry must name its issuer, so that no key of one issuer verifies tokens of another. */
const ISSUER = z
  .strictObject({
    issuer: text.refine((issuer) => issuer !== SESSION_ISSUER),
    audience: text.optional(),
    jwksUrl: z
      .string()
      .refine((value) => url('https:', 'http:')(value) !== undefined)
      .optional(),
    secret: z
      .string()
      .refine((value) => longSecret(value) !== undefined)
      .optional(),
    tenantClaim: text.optional(),
    scopeClaim: text.optional(),
  })
  .refine(({ jwksUrl, secret }) => (jwksUrl === undefined) !== (secret === undefined));

const ISSUERS = z.array(ISSUER).min(1).max(20);

/** The issuers in a JSON list; undefined when the text is not such a list. */
export function issuers(value: string): readonly IssuerConfig[] | undefined {
  const { data } = ISSUERS.safeParse(parsed(value));
  return data?.map(({ issuer, audience = null, jwksUrl = null, secret, tenantClaim, scopeClaim = null }) => ({
    issuer,
    audience,
    secrets: secret === undefined ? [] : [secret],
    jwksUrl,
    tenantClaim: tenantClaim ?? 'tenant_id',
    scopeClaim,
  }));
}

function parsed(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}
