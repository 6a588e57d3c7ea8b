import ipaddr from 'ipaddr.js';

/** Whether the text is an IPv4 or IPv6 address, or a range in CIDR notation. Host names are not. */
export function isIpRange(value: string): boolean {
  return value.includes('/')
    ? ipaddr.isValidCIDR(value)
    : ipaddr.IPv6.isValid(value) || ipaddr.IPv4.isValidFourPartDecimal(value);
}
