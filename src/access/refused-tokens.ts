/** The reason why a token was refused, in words that reveal nothing of the token. */
import { errors } from 'jose';
import { ServiceError } from '../errors.ts';

const REASONS: readonly (readonly [code: string, reason: string])[] = [
  [errors.JWTExpired.code, 'it has expired'],
  [errors.JWSSignatureVerificationFailed.code, 'no key of JWT_SECRET or JWT_JWKS_URL made its signature'],
  [
    errors.JOSEAlgNotAllowed.code,
    'its alg is none of HS256, HS384 with a secret of 48 bytes, HS512 with one of 64; RS256, PS256, ES256, EdDSA by JWKS',
  ],
  [errors.JWKSNoMatchingKey.code, 'JWT_JWKS_URL has no such key'],
];

/** The claims that may be named. Others belong to the platform and may be secret. */
const CLAIMS = ['iss', 'aud', 'exp', 'nbf', 'iat', 'sub'];

export function reasonOfRefusal(error: unknown): string {
  if (error instanceof ServiceError) return 'JWT_JWKS_URL did not answer with keys';
  if (error instanceof errors.JWTClaimValidationFailed && CLAIMS.includes(error.claim)) {
    const hint = { iss: ' (JWT_ISSUER)', aud: ' (JWT_AUDIENCE)' }[error.claim] ?? '';
    return `its ${error.claim}${hint} is ${error.reason === 'missing' ? 'missing' : 'not valid'}`;
  }
  const code = error instanceof errors.JOSEError ? error.code : null;
  return REASONS.find(([each]) => each === code)?.[1] ?? 'it cannot be read';
}
