/** Tokens of the users of this page: made by the service if it is allowed to, otherwise pasted. */

export class NoToken extends Error {}

const pasted = new Map<string, string>();

/** The user of a token, by its claims; null: it is not a token. */
export function userOf(token: string): string | null {
  try {
    const claims: unknown = JSON.parse(atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')));
    const { sub } = claims as { readonly sub?: unknown };
    return typeof sub === 'string' ? sub : null;
  } catch {
    return null;
  }
}

/** Uses a pasted token, or a whole header with it, from now on. Returns its user; null: it is not a token. */
export function paste(text: string): string | null {
  const token = text.trim().replace(/^Bearer\s+/i, '');
  const userId = userOf(token);
  if (userId !== null) pasted.set(userId, token);
  return userId;
}

/** A token of this user. Throws `NoToken` if the service makes none. */
export async function tokenOf(userId: string): Promise<string> {
  const known = pasted.get(userId);
  if (known !== undefined) return known;
  const response = await fetch('/console/token', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ userId }),
  });
  const { token, errors } = (await response.json()) as { token?: string; errors?: readonly { message: string }[] };
  if (token === undefined) throw new NoToken(errors?.[0]?.message ?? 'The service makes no tokens.');
  return token;
}

/** The address that opens GraphiQL with this token. */
export const graphiqlOf = (token: string): string => `/graphql#${new URLSearchParams({ token })}`;
