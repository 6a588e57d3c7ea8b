const PARAM_PATH = /^[\w-]{1,64}(?:\.[\w-]{1,64}){0,7}$/;

/** Whether a text names a member of a request: `user`, or one inside others, `metadata.generation_name`. Never a pattern. */
export function isParamPath(text: string): boolean {
  return PARAM_PATH.test(text);
}
