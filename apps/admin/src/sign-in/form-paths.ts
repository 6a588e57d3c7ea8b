const FORMS: ReadonlySet<string> = new Set(['/login', '/logout', '/onboarding/claim', '/ui/password']);

/** Where browsers send forms; everywhere else a body is JSON. */
export function isFormPath(path: string): boolean {
  return FORMS.has(path) || /^\/sso\/cli\/complete\/[^/]+$/.test(path);
}
