import type { SettingOverride } from '#libs/config';
import { GatewayError } from '#libs/kernel';
import type { Author } from '#libs/tenancy';
import ipaddr from 'ipaddr.js';

/** Routes without which nobody could take a list of routes back. */
const WAY_BACK = ['/config/field/delete', '/config/update'];

/** Refuses a setting that would shut the caller out the moment it is stored: nobody could take it back then, the master key included. */
export function assertCallerStaysIn({ section, field, value }: SettingOverride, author: Author): void {
  if (section !== 'general_settings' || !Array.isArray(value)) return;
  if (field === 'allowed_ips' && !isAdmitted(author.ip, value)) {
    throw new GatewayError(
      'request.bad_field',
      `'general_settings.allowed_ips' does not hold the address you call from (${author.ip ?? 'unknown'}); you would lock yourself out.`,
      { param: 'allowed_ips' },
    );
  }
  if (field === 'allowed_routes' && !WAY_BACK.some((route) => value.includes(route))) {
    throw new GatewayError(
      'request.bad_field',
      `'general_settings.allowed_routes' must hold ${WAY_BACK.join(' or ')}, or nobody could change it back.`,
      { param: 'allowed_routes' },
    );
  }
}

/** As `allowed_ips` judges; `ip` is in the one form that the network room gives addresses. */
function isAdmitted(ip: string | null, ranges: readonly unknown[]): boolean {
  if (ip === null || !ipaddr.isValid(ip)) return false;
  const address = ipaddr.process(ip);
  return ranges.some((range) => {
    if (typeof range !== 'string') return false;
    const text = range.trim();
    const [base, bits] = text.includes('/')
      ? ipaddr.parseCIDR(text)
      : ([ipaddr.parse(text), undefined] as const);
    const folded = base instanceof ipaddr.IPv6 && base.isIPv4MappedAddress() ? base.toIPv4Address() : base;
    const loopback = folded.toString() === '::1' ? ipaddr.parse('127.0.0.1') : folded;
    if (loopback.kind() !== address.kind()) return false;
    const width = loopback.kind() === 'ipv4' ? 32 : 128;
    const prefix = bits === undefined ? width : loopback === base ? bits : Math.max(0, bits - 96);
    return address.match([loopback, prefix] as [ipaddr.IPv4 | ipaddr.IPv6, number]);
  });
}
