/** Which addresses are public: webhooks may call no others by default. */
import ipaddr from 'ipaddr.js';

/**
 * Whether an address belongs to the public internet, and not to this machine, a private network or a special purpose.
 */
export function isPublicAddress(address: string): boolean {
  // The zone in `fe80::1%eth0` is a local name of an interface.
  const bare = address.split('%', 1)[0] ?? '';
  return ipaddr.isValid(bare) && ipaddr.process(bare).range() === 'unicast';
}
