// Signed tokens for the benchmark: an identity provider that only shows its key, and a token for each of the first keys' owners.
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { allKeys } from './seed.mjs';

/** As many keys and tokens: both fit every cache, and wrk's own memory. */
const CALLERS = 500;

/** `{ env, settings, files: { keys, tokens }, asked(), stop() }`: n-th token and n-th key speak for the same user and team. */
export async function issueTokens(folder) {
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'bench' }] });
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    response.end(keys);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const tokens = await Promise.all(
    Array.from({ length: CALLERS }, (_, n) =>
      new SignJWT({ sub: `user_bench_${n}`, team: `team_bench_${n % 100}`, scope: 'openid profile email' })
        .setProtectedHeader({ alg: 'RS256', kid: 'bench' })
        .setIssuedAt()
        .setExpirationTime('2h')
        .sign(privateKey),
    ),
  );
  const file = (name, lines) => {
    const path = join(folder, `${name}.input`);
    writeFileSync(path, `${lines.join('\n')}\n`);
    return path;
  };
  return {
    env: { JWT_PUBLIC_KEY_URL: `http://127.0.0.1:${server.address().port}/` },
    settings: {
      general_settings: {
        enable_jwt_auth: true,
        litellm_jwtauth: { user_id_jwt_field: 'sub', team_id_jwt_field: 'team' },
      },
    },
    files: { keys: file('jwt-keys', allKeys.slice(0, CALLERS)), tokens: file('jwt-tokens', tokens) },
    asked: () => asked,
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}
