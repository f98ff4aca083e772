/** The address by which a request is counted. */
import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';
import { type StandingOf, secretOfHeaders } from '../../access/gateway.ts';
import { LIMITS } from '../../limits.ts';

/** Null: the request comes from an internal network, where gateways and proxies carry many clients. */
export type AddressOf = (request: Pick<IncomingMessage, 'headers' | 'socket'>) => string | null;

/** Private networks by RFC 1918, 3927, 4193, 4291 and 6598. */
const INSIDE = new Set(['private', 'loopback', 'linkLocal', 'uniqueLocal', 'carrierGradeNat', 'unspecified']);

/** Bits of an IPv6 address that name a customer; the customer chooses the rest. */
const IPV6_GROUPS = 4;

/** `INSIDE`: of a proxy or a gateway. `UNREADABLE`: not an address, such as `unknown` or an invented name. */
type Counted = { readonly key: string } | 'INSIDE' | 'UNREADABLE';

/** The host between quotes and before a port: proxies write `8.8.8.8:4711` and `"[2001:db8::1]:443"`. */
function hostOf(hop: string): string {
  const bare = /^"([^"]*)"$/.exec(hop)?.[1] ?? hop;
  return /^\[([^\]]*)\](?::\d+)?$/.exec(bare)?.[1] ?? /^([\d.]+):\d+$/.exec(bare)?.[1] ?? bare;
}

/** The IPv4 address inside an IPv6 address: mapped, or translated on the way (RFC 6052). */
function undressed(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  if (!(address instanceof ipaddr.IPv6)) return address;
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  return address.range() === 'rfc6052' ? new ipaddr.IPv4(address.toByteArray().slice(12)) : address;
}

function counted(hop: string): Counted {
  if (hop.length > LIMITS.addressCharacters) return 'UNREADABLE';
  const host = hostOf(hop.trim());
  // C libraries accept `127.1` and `0x7f000001` as addresses, and no proxy writes them.
  if (!ipaddr.IPv4.isValidFourPartDecimal(host) && !ipaddr.IPv6.isValid(host)) return 'UNREADABLE';
  const address = undressed(ipaddr.parse(host));
  if (INSIDE.has(address.range())) return 'INSIDE';
  if (address instanceof ipaddr.IPv6) return { key: address.parts.slice(0, IPV6_GROUPS).join(':') };
  return { key: address.toString() };
}

/** The last peer and its count: behind a proxy all connections come from the same few addresses. */
let last: { readonly peer: string; readonly key: string | null } = { peer: '', key: null };

/** How the forwarding peer is counted: an internal proxy is not, any other peer by its own address. */
function ofPeer(peer: string): string | null {
  if (last.peer === peer) return last.key;
  const address = counted(peer);
  last = { peer, key: typeof address === 'string' ? null : address.key };
  return last.key;
}

/**
 * `standingOf` judges a caller's `Router-Authorization`.
 *
 * The last external address of `X-Forwarded-For` counts, since its owner may have invented the hops before it. Without
 * the header the peer's own address counts. When the last hop is unreadable, everything that the peer forwards is
 * counted together, so an unreadable header does not avoid the cap.
 */
export function createAddressOf(trustProxy: boolean, standingOf: StandingOf): AddressOf {
  return ({ headers, socket }) => {
    if (standingOf(secretOfHeaders(headers)).isProven) return null;
    const peer = socket.remoteAddress ?? '';
    const forwarded = trustProxy ? [headers['x-forwarded-for'] ?? ''].flat().join(',') : '';
    if (forwarded.trim() === '') return ofPeer(peer);
    const hops = forwarded.split(',').slice(-LIMITS.forwardedHops);
    const client = hops.map(counted).findLast((address) => address !== 'INSIDE');
    if (client === undefined) return null;
    return client === 'UNREADABLE' ? (ofPeer(peer) ?? `unreadable by ${peer}`) : client.key;
  };
}
