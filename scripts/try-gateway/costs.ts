/** A router's estimates of the cost of five queries, by the directives of this schema. */
import { token } from './tokens.ts';

export const QUERIES = [
  '{ viewer { id } }',
  '{ viewer { conversations { id } } }',
  '{ viewer { conversations(first: 10) { id } } }',
  '{ viewer { conversations(first: 10) { members(first: 10) { nodes { role } } } } }',
  '{ viewer { unreadMessageCount } }',
] as const;

/** The estimate in the response headers. */
export async function estimate(url: string, query: string): Promise<string> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${await token('bob')}` },
    body: JSON.stringify({ query }),
  });
  const [, cost] = [...response.headers].find(([name]) => /cost.*estimated|estimated.*cost/i.test(name)) ?? [];
  return cost ?? `no header (${(await response.text()).slice(0, 100)})`;
}
