/** The caller's token, wherever clients put it: a header, or a key of `connection_init` as each of them writes it. */
export function authorizationOf(given: Readonly<Record<string, unknown>> | undefined): string | null {
  const headers = given?.['headers'] as Readonly<Record<string, unknown>> | undefined;
  for (const value of [given?.['authorization'], given?.['Authorization'], headers?.['authorization']])
    if (typeof value === 'string') return value;
  const token = given?.['token'];
  return typeof token === 'string' ? `Bearer ${token}` : null;
}
