import { AddressRanges, type SettingOverride } from '#libs/config';
import { GatewayError, textsIn } from '#libs/kernel';
import type { Author } from '#libs/tenancy';

/** Routes without which nobody could take a list of routes back. */
const WAY_BACK = ['/config/field/delete', '/config/update'];

/** Refuses a setting that would shut the caller out the moment it is stored: nobody could take it back then, the master key included. */
export function assertCallerStaysIn({ section, field, value }: SettingOverride, author: Author): void {
  if (section !== 'general_settings' || !Array.isArray(value)) return;
  if (field === 'allowed_ips' && !new AddressRanges(textsIn(value)).hold(author.ip ?? undefined)) {
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
