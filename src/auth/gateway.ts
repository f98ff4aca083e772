/** The shared secret by which a gateway proves itself. */
import { createHash, timingSafeEqual } from 'node:crypto';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Whether a caller counts as the gateway; everyone does while no secret is set. Compares in constant time. */
export type IsGateway = (given: string | null | undefined) => boolean;

export function createGatewayCheck(secrets: readonly string[]): IsGateway {
  const known = secrets.map(digest);
  if (known.length === 0) return () => true;
  return (given) => {
    const offered = digest(given ?? '');
    return known.map((secret) => timingSafeEqual(secret, offered)).includes(true);
  };
}
