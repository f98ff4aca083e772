/** Which browser pages may connect (CWE-1385). */
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { createRefusalLog } from './refusal-log.ts';

/** Whether a request with these `Origin` and `Host` headers is allowed. */
export type IsOriginAllowed = (origin: string | undefined, host: string | undefined) => boolean;

export interface OriginOptions {
  /** Scheme, host and port, compared exactly; `*` is any. */
  readonly allowedOrigins: readonly string[];
  readonly isProduction: boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly countRefused: () => void;
}

const WEB = new Set(['http:', 'https:', 'ws:', 'wss:']);
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|\[[\da-f:]+\])$/i;

const parsed = (origin: string): URL | null => {
  const url = URL.canParse(origin) ? new URL(origin) : null;
  return url && WEB.has(url.protocol) ? url : null;
};

/** The host of a request in the form that an origin has it: without the scheme's default port. */
const hostIn = ({ protocol }: URL, host: string): URL | null => parsed(`${protocol}//${host}`);

/**
 * Decides by `Origin`. A request without this header does not come from a browser, and needs a token like any other:
 * this service sets no cookies.
 *
 * The service's own address is allowed; React Native and iOS clients send it as the origin. Outside production, if no
 * origin is listed, pages of this machine are allowed as well: of the loopback address, and of the address that the
 * client connected to, which a phone on the same network uses. It must be an address, since a name may be rebound.
 */
export function createOriginCheck(options: OriginOptions): IsOriginAllowed {
  const known = new Set(options.allowedOrigins);
  const isOpen = !options.isProduction && known.size === 0;
  const tell = tellerOf(options);

  function isAllowed(origin: string, host: string | undefined): boolean {
    if (known.has(origin) || known.has('*')) return true;
    const page = parsed(origin);
    if (!page) return false;
    const own = host === undefined ? null : hostIn(page, host);
    if (own && own.host === page.host) return true;
    return isOpen && (LOOPBACK.has(page.hostname) || (own?.hostname === page.hostname && ADDRESS.test(page.hostname)));
  }

  return (origin, host) => {
    if (origin === undefined || isAllowed(origin, host)) return true;
    tell(origin);
    return false;
  };
}

/** The length at which an origin is cut in the log. */
const SHOWN_CHARACTERS = 200;

function tellerOf({ clock, log, countRefused }: OriginOptions): (origin: string) => void {
  const tell = createRefusalLog<string>(clock, (origin, refused) =>
    log.warn(
      { origin: origin.slice(0, SHOWN_CHARACTERS), refused },
      'origin refused: ALLOWED_ORIGINS does not name it',
    ),
  );
  return (origin) => {
    countRefused();
    tell(origin);
  };
}
