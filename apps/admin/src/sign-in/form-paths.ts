const FORMS: ReadonlySet<string> = new Set(['/login', '/logout', '/onboarding/claim', '/ui/password']);

/** Where browsers send forms; everywhere else a body is JSON. */
export function isFormPath(path: string): boolean {
  return FORMS.has(path) || /^\/sso\/cli\/complete\/[^/]+$/.test(path);
}

/** Where identity providers let browsers post their answers: as large as the contract allows, because they name hundreds of groups. */
export function isSamlPath(path: string): boolean {
  return path === '/sso/saml/callback';
}
export const SAML_POST_BYTES = 5 * 1024 * 1024;
