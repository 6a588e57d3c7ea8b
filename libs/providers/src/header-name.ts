const NAME = /^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/;

/** Whether a text in lower case can be the name of a header (RFC 9110, 5.6.2): nothing else may be passed on as one. */
export function isHeaderName(text: string): boolean {
  return NAME.test(text);
}
