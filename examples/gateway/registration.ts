/** `POST /register`: a subgraph registers itself, or its new version. Needs the registration token. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { parse, visit } from 'graphql';
import type { Settings } from './settings.ts';
import type { Outcome, Subgraph, Supergraph } from './supergraph.ts';

export interface Answer {
  readonly status: number;
  readonly body: object;
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

const isUrl = (value: unknown, ...protocols: string[]): value is string =>
  typeof value === 'string' && URL.canParse(value) && protocols.includes(new URL(value).protocol);

/** The registration in a body, or the error. */
function read(body: unknown): Subgraph | string {
  const { name, url, subscriptionUrl = null, sdl, version = null } = (body ?? {}) as Record<string, unknown>;
  if (typeof name !== 'string' || !/^[\w-]{1,64}$/.test(name)) return 'name: takes 1 to 64 of A-Z a-z 0-9 _ -.';
  if (!isUrl(url, 'http:', 'https:')) return 'url: takes an http(s) URL.';
  if (subscriptionUrl !== null && !isUrl(subscriptionUrl, 'ws:', 'wss:', 'http:', 'https:'))
    return 'subscriptionUrl: takes a ws(s) or http(s) URL.';
  if (typeof sdl !== 'string') return "sdl: takes the subgraph's SDL.";
  if (version !== null && typeof version !== 'string') return 'version: must be a string.';
  return { name, url, subscriptionUrl, sdl, version };
}

/** Whether an SDL composes directives into the supergraph, which could change the address of another subgraph. `@composeDirective` may be imported under another name. */
function composesDirectives(sdl: string): boolean {
  let isFound = false;
  try {
    visit(parse(sdl), {
      Directive: ({ name }) => {
        if (name.value.endsWith('composeDirective')) isFound = true;
      },
      StringValue: ({ value }) => {
        if (value === '@composeDirective') isFound = true;
      },
    });
  } catch {
    // An unreadable SDL does not compose; the composition reports why.
  }
  return isFound;
}

/** Why a registration is refused; null: it is allowed. */
function refusal({ name, url, subscriptionUrl, sdl }: Subgraph, { subgraphs }: Settings): string | null {
  const configured = subgraphs.get(name);
  if (configured === undefined) return composesDirectives(sdl) ? 'sdl: takes no @composeDirective.' : null;
  const isThere = new URL(url).href === new URL(configured).href;
  const isBeside = subscriptionUrl === null || new URL(subscriptionUrl).host === new URL(configured).host;
  // Callers' tokens go only to the configured address.
  return isThere && isBeside ? null : `${name} is configured to be at ${configured}; a registration does not move it.`;
}

export async function register(
  request: Request,
  supergraph: Supergraph,
  settings: Settings,
  onOutcome: (name: string, outcome: Outcome) => void,
): Promise<Answer> {
  const refuse = (status: number, ...errors: string[]): Answer => ({ status, body: { accepted: false, errors } });
  const { registrationToken: token } = settings;
  if (token === null) return refuse(403, 'Nobody registers here: GATEWAY_REGISTRATION_TOKEN is not set.');
  const given = request.headers.get('authorization') ?? '';
  if (!timingSafeEqual(digest(given), digest(`Bearer ${token}`)))
    return refuse(401, 'The registration token is not valid.');
  const subgraph = read(await request.json().catch(() => null));
  if (typeof subgraph === 'string') return refuse(400, subgraph);
  const reason = refusal(subgraph, settings);
  if (reason !== null) return refuse(409, reason);
  const outcome = supergraph.offer(subgraph);
  onOutcome(subgraph.name, outcome);
  if (outcome.outcome === 'refused') return refuse(422, ...outcome.errors);
  return { status: 200, body: { accepted: true, outcome: outcome.outcome, composedAt: supergraph.composedAt } };
}
