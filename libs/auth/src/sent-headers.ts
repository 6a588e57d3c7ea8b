import { GatewayError } from '#libs/kernel';
import type { CredentialFacts } from './credential.js';

type Sent = Pick<CredentialFacts, 'rawHeaders'>;

/** Every value of a header, in the order received; `name` in lower case. */
export function headersOf({ rawHeaders }: Sent, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const sent = rawHeaders[i] ?? '';
    if (sent.length === name.length && sent.toLowerCase() === name) values.push(rawHeaders[i + 1] ?? '');
  }
  return values;
}

/** The one value of a header. Throws 400 when it is there twice: which of two counts must never depend on who reads them. */
export function onlyHeader(sent: Sent, name: string): string | undefined {
  const [value, another] = headersOf(sent, name);
  if (another === undefined) return value;
  throw new GatewayError('request.invalid', `The request carries ${name} more than once.`, { param: name });
}
