/** The caller's token: from a header, or from a key of `connection_init` in any spelling that clients use. */
export function authorizationOf(given: Readonly<Record<string, unknown>> | undefined): string | null {
  const headers = given?.['headers'] as Readonly<Record<string, unknown>> | undefined;
  for (const value of [given?.['authorization'], given?.['Authorization'], headers?.['authorization']])
    if (typeof value === 'string') return value;
  const token = given?.['token'];
  return typeof token === 'string' ? `Bearer ${token}` : null;
}
