/** Checks the served certificate at the start and every day, and warns before it expires. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Clock } from '../../clock.ts';
import { TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';

/** The returned function stops the checks. The served certificate is the one in the file at the start. */
export function watchCertificate(
  certFile: string,
  clock: Clock,
  log: Log,
  told: { certificateEnd: number },
): () => void {
  const { subject, validFrom, validTo } = new X509Certificate(readFileSync(certFile));
  const [begin, end] = [Date.parse(validFrom), Date.parse(validTo)];
  told.certificateEnd = end;

  function check(): void {
    const now = clock.now();
    const found = { certFile, subject, validFrom, validTo };
    if (end <= now) log.error(found, 'the TLS certificate has expired: clients that verify it refuse it');
    else if (begin > now) log.error(found, 'the TLS certificate is not valid yet: clients that verify it refuse it');
    else if (end - now <= TIMES.certificateEndsSoonMs) log.warn(found, 'the TLS certificate expires soon');
  }

  check();
  return clock.every(TIMES.certificateCheckMs, check);
}
