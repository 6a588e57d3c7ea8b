import type { Pseudonyms, PseudonymKind } from './pseudonyms.js';

/** Fields of log lines that say who somebody is. */
const FIELDS: Readonly<Record<string, PseudonymKind>> = {
  address: 'ip', ip: 'ip', remoteaddress: 'ip', requesterip: 'ip', clientip: 'ip',
  user: 'user', userid: 'user', username: 'user', subject: 'user', actor: 'user',
  email: 'email', mail: 'email', customer: 'customer', customerid: 'customer', enduser: 'customer',
  useragent: 'agent', keyalias: 'name', alias: 'name',
}; // prettier-ignore

const EMAIL = /[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}/g;
const IPV4 = /(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])/g;
/** Addresses of this machine name nobody. */
const NOBODYS = /^(?:127\.|0\.0\.0\.0$)/;

let pseudonyms: Pseudonyms | undefined;

/** From now on no line of this process says who somebody is. Undefined: lines say what they are given. */
export function anonymizeLines(by: Pseudonyms | undefined): void {
  pseudonyms = by?.areOn ? by : undefined;
}

/** The text of a field as it may be written. */
export function anonymousField(name: string, text: string): string {
  if (pseudonyms === undefined) return text;
  const kind = FIELDS[name.replaceAll(/[_-]/g, '').toLowerCase()];
  return kind === undefined ? anonymousText(text) : pseudonyms.of(kind, text);
}

/** A text with the addresses of people and machines in it replaced. */
export function anonymousText(text: string): string {
  const by = pseudonyms;
  if (by === undefined) return text;
  return text
    .replaceAll(EMAIL, (email) => by.of('email', email))
    .replaceAll(IPV4, (ip) => (NOBODYS.test(ip) ? ip : by.of('ip', ip)));
}
