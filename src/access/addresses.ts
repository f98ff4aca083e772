/** Which addresses others may make this server call. */
import ipaddr from 'ipaddr.js';

/** An address of the public internet: none of this machine, of a private network, or of a special purpose. */
export function isPublicAddress(address: string): boolean {
  // Of `fe80::1%eth0` the zone is this machine's own name.
  const bare = address.split('%', 1)[0] ?? '';
  return ipaddr.isValid(bare) && ipaddr.process(bare).range() === 'unicast';
}
