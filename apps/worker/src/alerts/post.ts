/** A receiver that takes longer is asked again later. */
const PATIENCE_MS = 10_000;

/**
 * Posts a body; throws when it is not taken. Messages never hold the address, whose path may be a password. Redirects are not
 * followed: whoever can redirect could have alerts sent anywhere.
 */
export async function post(
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', 'user-agent': 'tollgate-alerts', ...headers },
      redirect: 'manual',
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch (error) {
    throw new Error(
      error instanceof Error && error.name === 'TimeoutError' ? 'no answer in time' : 'no connection',
    );
  }
  await response.body?.cancel();
  if (!response.ok) throw new Error(`answered ${response.status}`);
}
