/** Which browser pages may connect (CWE-1385). */

export type IsOriginAllowed = (origin: string | undefined) => boolean;

const LOCAL = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

/**
 * Compares scheme, host and port exactly. A request without `Origin` is not a
 * browser's: it needs a token like everyone and carries no cookie of ours.
 */
export function createOriginCheck(allowed: readonly string[], isProduction: boolean): IsOriginAllowed {
  const known = new Set(allowed);
  return (origin) => {
    if (origin === undefined || known.has(origin) || known.has('*')) return true;
    return !isProduction && known.size === 0 && LOCAL.test(origin);
  };
}
