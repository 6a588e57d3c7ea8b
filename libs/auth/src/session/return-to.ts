import { GatewayError } from '#libs/kernel';

const LONGEST = 2_048;

/**
 * Where somebody may be sent after signing in: a path of this product, or an address on the origin of
 * `general_settings.control_plane_url`. Anything else is a 400: a sign-in page that forwards to strangers lends them its name.
 */
export function checkedReturnTo(wanted: string, controlPlaneUrl?: string): string {
  if (isPathOfOurs(wanted) || isOnOrigin(wanted, controlPlaneUrl)) return wanted;
  throw new GatewayError('request.invalid', 'return_to must be a path of this proxy.', {
    param: 'return_to',
  });
}

/** Browsers read a backslash as a slash, drop tabs and line breaks, and take `//host` for another host. */
function isPathOfOurs(wanted: string): boolean {
  if (wanted.length > LONGEST || !wanted.startsWith('/') || wanted.includes('//')) return false;
  if (/[\\\p{Cc}\s]/u.test(wanted)) return false;
  return (
    URL.canParse(wanted, 'http://own.invalid') && new URL(wanted, 'http://own.invalid').host === 'own.invalid'
  );
}

function isOnOrigin(wanted: string, controlPlaneUrl: string | undefined): boolean {
  if (controlPlaneUrl === undefined || wanted.length > LONGEST || /[\\\p{Cc}\s]/u.test(wanted)) return false;
  if (!/^https?:\/\//i.test(wanted) || !URL.canParse(wanted)) return false;
  const url = new URL(wanted);
  return url.origin === new URL(controlPlaneUrl).origin && url.username === '' && url.password === '';
}
