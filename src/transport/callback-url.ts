/** Which URLs the callback protocol may call: this server must not be made to call any other. */

export type IsCallbackAllowed = (url: string) => boolean;

/**
 * A URL is allowed when one of `prefixes` has its origin and begins its path, at
 * a slash. Only what is named is called, so a private address is called only
 * where an operator has named it, or a host name that leads to it.
 */
export function createCallbackCheck(prefixes: readonly string[]): IsCallbackAllowed {
  const allowed = prefixes.map((prefix) => new URL(prefix));
  return (text) => {
    if (!URL.canParse(text)) return false;
    const url = new URL(text);
    if (url.username !== '' || url.password !== '') return false;
    return allowed.some(({ origin, pathname }) => {
      const path = pathname.replace(/\/$/, '');
      return origin === url.origin && (url.pathname === path || url.pathname.startsWith(`${path}/`));
    });
  };
}
