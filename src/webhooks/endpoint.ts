/** The receiver of a webhook: one request for each event, to a checked address. */
import { type LookupAddress, lookup } from 'node:dns';
import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { deadline } from '../clock.ts';
import { LIMITS, TIMES } from '../limits.ts';

/** `gone`: the receiver answered 410. `refused`: its address is not allowed. */
export type SendResult =
  | { readonly outcome: 'delivered' | 'gone' }
  | { readonly outcome: 'failed' | 'refused'; readonly error: string };

export interface SignedEvent {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface AddressRules {
  isUrlAllowed(url: string): boolean;
  isAddressAllowed(address: string): boolean;
  /** Resolves a host to all its addresses; by default the system's resolver. */
  readonly resolve?: Resolve;
}

export type Resolve = (
  hostname: string,
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

const REFUSED: SendResult = { outcome: 'refused', error: 'The address is not allowed.' };

class AddressRefused extends Error {}

const resolveAll: Resolve = (hostname, done) => lookup(hostname, { all: true }, done);

export class Endpoint {
  readonly #rules: AddressRules;
  readonly #agents: { readonly http: HttpAgent; readonly https: HttpsAgent };

  constructor(rules: AddressRules) {
    this.#rules = rules;
    const options = {
      keepAlive: true,
      maxSockets: LIMITS.webhookRequests,
      timeout: TIMES.webhookIdleMs,
      lookup: this.#lookup,
    };
    this.#agents = { http: new HttpAgent(options), https: new HttpsAgent(options) };
  }

  /** Sends an event. Ends after `timeoutMs`, or when `signal` aborts. */
  send(url: string, event: SignedEvent, timeoutMs: number, signal: AbortSignal): Promise<SendResult> {
    const host = URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : '';
    if (!this.#rules.isUrlAllowed(url)) return Promise.resolve(REFUSED);
    // Names are checked when they are resolved.
    if (isIP(host) !== 0 && !this.#rules.isAddressAllowed(host)) return Promise.resolve(REFUSED);
    return new Promise((resolve) => {
      const request = this.#open(url, event.headers, signal);
      const stopWaiting = deadline(timeoutMs, () => {
        resolve({ outcome: 'failed', error: `No answer within ${timeoutMs} ms.` });
        request.destroy();
      });
      request.once('response', (response) => {
        resolve(deliveryOf(response));
        readOut(response);
      });
      // `on`, not `once`: a second error without a listener would end the process.
      request.on('error', (error) => resolve(faultOf(error)));
      request.once('close', () => {
        stopWaiting();
        resolve({ outcome: 'failed', error: 'The connection was closed.' });
      });
      request.end(event.body);
    });
  }

  close(): void {
    this.#agents.http.destroy();
    this.#agents.https.destroy();
  }

  #open(url: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): ClientRequest {
    const options = { method: 'POST', headers, signal };
    return url.toLowerCase().startsWith('https:')
      ? requestHttps(url, { ...options, agent: this.#agents.https })
      : requestHttp(url, { ...options, agent: this.#agents.http });
  }

  /** Resolves a name once per connection, which then goes to the checked addresses only (no DNS rebinding). */
  readonly #lookup: LookupFunction = (hostname, options, done) => {
    const { resolve = resolveAll, isAddressAllowed } = this.#rules;
    resolve(hostname, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error || !first) return done(error ?? new Error('The host has no address.'), '', 0);
      if (!addresses.every(({ address }) => isAddressAllowed(address))) return done(new AddressRefused(), '', 0);
      if (options.all) return done(null, addresses);
      return done(null, first.address, first.family);
    });
  };
}

/** Redirects are not followed, since their target was not checked. */
function deliveryOf({ statusCode = 0 }: IncomingMessage): SendResult {
  if (statusCode >= 200 && statusCode < 300) return { outcome: 'delivered' };
  return statusCode === 410 ? { outcome: 'gone' } : { outcome: 'failed', error: `Status ${statusCode}.` };
}

function faultOf(error: NodeJS.ErrnoException): SendResult {
  if (error instanceof AddressRefused) return REFUSED;
  return { outcome: 'failed', error: error.code ?? error.name };
}

/** Reads an answer to its end, so that its connection can be reused. A long answer is cut off instead. */
function readOut(response: IncomingMessage): void {
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > LIMITS.webhookAnswerBytes) response.destroy();
  });
  response.on('error', () => undefined);
}
