/** Tokens of the users of this page: made by the service where it may, pasted otherwise. */

export class NoToken extends Error {}

const pasted = new Map<string, string>();

/** Whose token it is, by its claims. */
export function userOf(token: string): string | null {
  try {
    const claims: unknown = JSON.parse(atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')));
    const { sub } = claims as { readonly sub?: unknown };
    return typeof sub === 'string' ? sub : null;
  } catch {
    return null;
  }
}

/** From now on it is this user's, also when it was copied as a header. Answers whose it is; null: it is no token. */
export function paste(text: string): string | null {
  const token = text.trim().replace(/^Bearer\s+/i, '');
  const userId = userOf(token);
  if (userId !== null) pasted.set(userId, token);
  return userId;
}

/** A token of this user. Throws `NoToken` where the service makes none. */
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

/** The address at which GraphiQL begins with a token of this user. */
export const graphiqlOf = (token: string): string => `/graphql#${new URLSearchParams({ token })}`;
