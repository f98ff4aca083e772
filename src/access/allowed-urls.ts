/** The URLs that callbacks and webhooks may call (server-side request forgery, CWE-918). */

export type IsUrlAllowed = (url: string) => boolean;

/** Scheme, authority and path exactly as written, before a parser repairs them. */
const WRITTEN = /^https?:\/\/[^/?#\\@\s]+([^?#]*)/i;

/**
 * A path segment that every server reads in the same way: no escape that a proxy might decode again (`..%2f`), no parameter that
 * a proxy might cut off (`..;a`), no `..`. Ids of subscriptions fit this pattern.
 */
const PLAIN = /^(?!\.{1,2}$)[\w.~:@!$&'()*+,=-]*$/;

const segmentsOf = (path: string): readonly string[] => path.split('/').slice(1);

interface Prefix {
  readonly origin: string;
  readonly segments: readonly string[];
}

function prefixOf(text: string): Prefix {
  const { origin, pathname } = new URL(text);
  return { origin, segments: segmentsOf(pathname.replace(/\/$/, '')) };
}

/**
 * A URL is allowed when one of `prefixes` has its scheme, host and port, and the first segments of its path; the other
 * segments must be plain. So a private address is called only if an operator configured it, or a host name that
 * resolves to it.
 */
export function createUrlCheck(prefixes: readonly string[]): IsUrlAllowed {
  const allowed = prefixes.map(prefixOf);
  return (text) => {
    const path = WRITTEN.exec(text)?.[1];
    if (path === undefined || !URL.canParse(text)) return false;
    const { origin, pathname } = new URL(text);
    if (pathname !== path && pathname !== `${path}/`) return false;
    const segments = segmentsOf(pathname);
    return allowed.some(
      (prefix) =>
        prefix.origin === origin &&
        prefix.segments.every((segment, index) => segment === segments[index]) &&
        segments.slice(prefix.segments.length).every((segment) => PLAIN.test(segment)),
    );
  };
}
