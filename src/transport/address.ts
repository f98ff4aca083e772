/** From which address a request comes, as far as that can be counted. */
import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';
import type { IsGateway } from '../auth/gateway.ts';

/** Null: it comes from where gateways and proxies are, who speak for many. */
export type AddressOf = (request: IncomingMessage) => string | null;

/** Private networks by RFC 1918, 3927, 4193, 4291 and 6598. */
const INSIDE = new Set(['private', 'loopback', 'linkLocal', 'uniqueLocal', 'carrierGradeNat', 'unspecified']);

/** Bits of an IPv6 address that name a customer; the rest are theirs to choose. */
const IPV6_GROUPS = 4;

/** What an address is counted as; null for one inside, or what is none. */
function countedAs(text: string | undefined): string | null {
  if (text === undefined || !ipaddr.isValid(text)) return null;
  const address = ipaddr.process(text);
  if (INSIDE.has(address.range())) return null;
  if (address instanceof ipaddr.IPv6) return address.parts.slice(0, IPV6_GROUPS).join(':');
  return address.toString();
}

/**
 * `provesGateway`: whether a `Router-Authorization` is one of ours.
 *
 * Of `X-Forwarded-For` the last public address counts: what stands before it was
 * told by whoever has that address, and may be made up.
 */
export function createAddressOf(trustProxy: boolean, provesGateway: IsGateway): AddressOf {
  return ({ headers, socket }) => {
    const secret = headers['router-authorization'];
    if (typeof secret === 'string' && provesGateway(secret)) return null;
    if (!trustProxy) return countedAs(socket.remoteAddress);
    const hops = [headers['x-forwarded-for'] ?? ''].flat().join(',').split(',');
    return hops.map((hop) => countedAs(hop.trim())).findLast((address) => address !== null) ?? null;
  };
}
