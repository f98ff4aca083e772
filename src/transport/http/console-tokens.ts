/** Tokens for the console, outside production: for any user of the default tenant. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { signToken } from '../../access/tokens.ts';
import type { Clock } from '../../clock.ts';
import { badInput, ServiceError } from '../../errors.ts';
import { isUserId } from '../../model.ts';

export interface ConsoleTokens {
  readonly clock: Clock;
  /** The first one signs; empty: this service cannot sign. */
  readonly secrets: readonly string[];
  readonly tenantClaim: string;
  readonly issuer: string | null;
  readonly audience: string | null;
}

const LASTS_S = 3_600;
const OWN_ADDRESSES = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);
const OWN_NAMES = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Whether the request comes from a page that this service has served, on this machine.
 *
 * The address alone is not enough: a DNS name rebound to this machine, a proxy on it, or another page in the same
 * browser has the same address.
 */
function isOwnPage({ raw, headers }: FastifyRequest): boolean {
  const { host = '', origin } = headers;
  if (!OWN_ADDRESSES.has(raw.socket.remoteAddress ?? '')) return false;
  if (['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'].some((name) => name in headers))
    return false;
  const own = URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : '';
  if (!OWN_NAMES.has(own)) return false;
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === host;
}

export function addConsoleTokens(app: FastifyInstance, { clock, secrets, ...claims }: ConsoleTokens): void {
  app.post<{ Body: { userId?: unknown } | null }>('/console/token', async (request) => {
    const [secret] = secrets;
    if (secret === undefined || !isOwnPage(request)) {
      throw new ServiceError(
        'FORBIDDEN',
        'Tokens are issued only to the console on this machine, signed with a secret of this service.',
      );
    }
    const { userId } = request.body ?? {};
    if (typeof userId !== 'string' || !isUserId(userId)) throw badInput('userId must be the id of a user.');
    const issuedAt = Math.floor(clock.now() / 1_000);
    return { token: await signToken({ secret, userId, issuedAt, expiresAt: issuedAt + LASTS_S, ...claims }) };
  });
}
