/** `POST /register`: a subgraph announces itself, or its new version. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Outcome, Subgraph, Supergraph } from './supergraph.ts';

export interface Answer {
  readonly status: number;
  readonly body: object;
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

const isUrl = (value: unknown, ...protocols: string[]): value is string =>
  typeof value === 'string' && URL.canParse(value) && protocols.includes(new URL(value).protocol);

/** The announcement in a body, or what is wrong with it. */
function read(body: unknown): Subgraph | string {
  const { name, url, subscriptionUrl = null, sdl, version = null } = (body ?? {}) as Record<string, unknown>;
  if (typeof name !== 'string' || !/^[\w-]{1,64}$/.test(name)) return 'name: takes 1 to 64 of A-Z a-z 0-9 _ -.';
  if (!isUrl(url, 'http:', 'https:')) return 'url: takes an http(s) URL.';
  if (subscriptionUrl !== null && !isUrl(subscriptionUrl, 'ws:', 'wss:', 'http:', 'https:'))
    return 'subscriptionUrl: takes a ws(s) or http(s) URL.';
  if (typeof sdl !== 'string') return "sdl: takes the subgraph's SDL.";
  if (version !== null && typeof version !== 'string') return 'version: takes a text.';
  return { name, url, subscriptionUrl, sdl, version };
}

export async function register(
  request: Request,
  supergraph: Supergraph,
  token: string | null,
  onOutcome: (name: string, outcome: Outcome) => void,
): Promise<Answer> {
  const given = request.headers.get('authorization') ?? '';
  if (token !== null && !timingSafeEqual(digest(given), digest(`Bearer ${token}`)))
    return { status: 401, body: { accepted: false, errors: ['The registration token is not valid.'] } };
  const subgraph = read(await request.json().catch(() => null));
  if (typeof subgraph === 'string') return { status: 400, body: { accepted: false, errors: [subgraph] } };
  const outcome = supergraph.offer(subgraph);
  onOutcome(subgraph.name, outcome);
  if (outcome.outcome === 'refused') return { status: 422, body: { accepted: false, errors: outcome.errors } };
  return { status: 200, body: { accepted: true, outcome: outcome.outcome, composedAt: supergraph.composedAt } };
}
