import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Secret } from '#libs/kernel';
import { createLogger, MemorySink, registerSecret } from './index.js';
import { redactFields, redactText } from './redaction.js';

const token = (length = 32): string => randomBytes(length).toString('base64url').slice(0, length);
const hex = (length: number): string => randomBytes(length).toString('hex').slice(0, length);
const upper = (length: number): string => hex(length).toUpperCase();

/** One fresh secret of every kind, as it stands in a sentence. `canary` is what must never come out. */
function samples(): { kind: string; canary: string; text: string }[] {
  const make = (kind: string, canary: string, text = canary) => ({ kind, canary, text });
  const key = `sk-${token(40)}`;
  const short = `sk-${hex(8)}`;
  const jwt = `eyJ${token(20)}.eyJ${token(30)}.${token(43)}`;
  const bearer = `B7${token(24)}`;
  const basic = Buffer.from(`user:${token(12)}`).toString('base64');
  const password = `P9${token(16)}`;
  const oddPassword = `p@ss/${token(8)}:9`;
  const query = `Q8${token(20)}`;
  return [
    make('virtual key', key.slice(3, -4), key),
    make('virtual key inside quoted JSON', key.slice(3, -4), `{"a":"line\\n${key}"}`),
    make('virtual key in a URL-encoded body', key.slice(3, -4), `a%20${key}`),
    make('short key', short.slice(3), short),
    make('JWT', jwt.split('.')[2] ?? '', `token was ${jwt}`),
    make('bearer', bearer, `Authorization: Bearer ${bearer}`),
    make('bearer in lower case', bearer, `sent bearer ${bearer} upstream`),
    make('basic', basic, `authorization: Basic ${basic}`),
    make('other scheme', bearer, `Authorization: Token ${bearer}`),
    make('URL credentials', password, `connect postgresql://admin:${password}@db.internal:5432/x failed`),
    make('URL credentials with odd characters', oddPassword, `redis://:${oddPassword}@cache:6379`),
    make('URL user only', password, `https://${password}@github.example/x`),
    make('PEM', hex(48), ''),
    make('AWS access key', `AKIA${upper(16)}`),
    make('Google key', `AIza${token(35)}`),
    make('Google query key', query, `GET /v1beta/models/x:generateContent?alt=sse&key=${query} 400`),
    make('first query key', query, `/x?api_key=${query}`),
    make('Groq key', `gsk_${hex(40)}`),
    make('GitHub token', `ghp_${hex(36)}`),
    make('password in JSON text', password, `{"user":"x","password":"${password}"}`),
    make('password in twice-quoted JSON', password, `"{\\"password\\":\\"${password}\\"}"`),
    make('password pair', password, `password=${password} host=x`),
    make('named secret', password, `client_secret: ${password}`),
    make('database variable', password, `DATABASE_URL=postgres://u:${password}@h/d`),
  ].map((sample) =>
    sample.kind === 'PEM'
      ? { ...sample, text: `-----BEGIN PRIVATE KEY-----\n${sample.canary}\n-----END PRIVATE KEY-----` }
      : sample,
  );
}

/** The attack: a key that reached an error message is read by everybody who can read the logs. */
describe('a secret in the logs', () => {
  for (const { kind } of samples()) {
    it(`never comes out: ${kind}`, () => {
      const { canary, text } = samples().find((sample) => sample.kind === kind) ?? {
        canary: 'missing',
        text: 'missing',
      };
      for (const json of [true, false]) {
        const sink = new MemorySink();
        const logger = createLogger({ level: 'trace', json }, sink);
        const cause = new Error(`inner ${text}`);
        const error = Object.assign(new Error(`outer ${text}`, { cause }), {
          detail: text,
          response: { headers: { x: text } },
        });
        logger.error({ err: error }, `failed: ${text}`);
        logger.info(
          { note: text, deep: { list: [text, { more: text }], map: new Map([['m', text]]) } },
          'nested',
        );
        logger.debug(
          { [`name ${text}`]: 1, url: new URL(`http://x/?q=${encodeURIComponent(text)}`) },
          'odd places',
        );
        logger.child({ bound: text }).warn({}, 'child');
        logger.fatal(new AggregateError([new Error(text)], text), 'aggregate');
        logger.trace({ set: new Set([text]), json: { toJSON: () => ({ text }) } }, text);
        expect(sink.text).not.toContain(canary);
        expect(sink.text.split('\n').length).toBeGreaterThan(5);
      }
    });
  }

  it('is masked under any secret-like name, whatever it looks like', () => {
    const plain = 'just words';
    const fields = {
      password: plain,
      apiKey: plain,
      'x-api-key': plain,
      set_cookie: plain,
      nested: { client_secret: [plain] },
      rawHeaders: ['Authorization', plain],
    };
    expect(JSON.stringify(redactFields(fields))).not.toContain(plain);
    expect(JSON.stringify(redactFields({ value: new Secret('hidden-value') }))).not.toContain('hidden-value');
  });

  it('is masked wherever it appears once it is registered', () => {
    const odd = `a"b/c d\\${token(12)}`;
    registerSecret(new Secret(odd));
    registerSecret(odd);
    const sink = new MemorySink();
    createLogger({ level: 'info', json: true }, sink).info(
      { text: `x${odd}y`, quoted: JSON.stringify({ odd }) },
      `see ${encodeURIComponent(odd)}`,
    );
    expect(sink.text).not.toContain(odd.slice(-12));
  });

  it('keeps the last four characters of a key, so that lines can be matched to keys', () => {
    expect(redactText('used sk-abcdefghijklmnop1234 now')).toBe('used sk-...1234 now');
    expect(redactText('used sk-short1 now')).toBe('used sk-... now');
  });

  it('is not half shown when a very long text is cut', () => {
    const key = `sk-${token(40)}`;
    const long = `${'x '.repeat(8_190)}${key} ${'y '.repeat(40_000)}`;
    expect(redactText(long)).not.toContain(key.slice(0, 12));
    expect(redactText(long).length).toBeLessThan(17_000);
  });
});

describe('ordinary text', () => {
  it.each([
    'risk-assessment of the task-force went well',
    'Basic authentication is not offered',
    'max_tokens: 4000 is over the limit',
    'token: expected string, got number',
    'file:///app/node_modules/@nestjs/core/index.js:3:5',
    'GET https://api.openai.com/v1/models?limit=5',
    'key_alias=mobile-app spent 0.5',
  ])('stays as it is: %s', (text) => {
    expect(redactText(text)).toBe(text);
  });

  it('survives a second pass unchanged', () => {
    for (const { text } of samples()) expect(redactText(redactText(text))).toBe(redactText(text));
  });
});

describe('fields of any shape', () => {
  it('never throw: cycles, getters, proxies, huge lists, bigints', () => {
    const cycle: Record<string, unknown> = {
      count: 1n,
      bytes: Buffer.from('x'),
      when: new Date(0),
      invalid: new Date(Number.NaN),
      run: () => 1,
    };
    cycle['self'] = cycle;
    const hostile = Object.defineProperty({}, 'boom', {
      enumerable: true,
      get: () => {
        throw new Error('no');
      },
    });
    const safe = redactFields({
      cycle,
      hostile,
      wide: Array.from({ length: 1000 }, (_, i) => i),
      nothing: null,
      absent: undefined,
    });
    expect(safe['cycle']).toMatchObject({
      count: '1',
      self: '[circular]',
      bytes: '[1 bytes]',
      invalid: 'invalid date',
    });
    expect(safe['hostile']).toBe('[unreadable]');
    expect((safe['wide'] as unknown[]).length).toBe(200);
  });

  it('show what an error says, not the machine a driver hangs on it', () => {
    class Client {
      readonly secretKey = 7;
    }
    const error = Object.assign(new Error('gone'), {
      code: '57P01',
      place: { line: 3 },
      client: new Client(),
    });
    expect(redactFields({ error })).toMatchObject({ error: { code: '57P01', place: { line: 3 } } });
    expect(JSON.stringify(redactFields({ error }))).not.toContain('secretKey');
  });

  it('takes hostile text in bounded time', () => {
    const attacks = [
      '://a:'.repeat(13_000),
      '-----BEGIN A-----'.repeat(3_800),
      'password='.repeat(7_000),
      `${'a-'.repeat(32_000)}token`,
      'bearer '.repeat(9_000),
      'eyJ'.repeat(21_000),
    ];
    const start = performance.now();
    for (const attack of attacks) redactText(attack);
    // Milliseconds in practice; the bound is wide for a busy machine and still far below a quadratic blow-up.
    expect(performance.now() - start).toBeLessThan(3_000);
  });
});

/** A statement that fails is logged with its error: what was to be stored may be a prompt, a password's hash or an address. */
describe('an error of the database', () => {
  it('is told without the data of its statement', () => {
    const canary = `private ${token()}`;
    const driverError = Object.assign(new Error('duplicate key'), {
      code: '23505',
      constraint: 'users_email',
      detail: `Key (email)=(${canary}) already exists.`,
      where: `JSON data, line 1: ${canary}`,
      internalQuery: canary,
    });
    const failed = Object.assign(new Error('duplicate key'), {
      query: 'INSERT INTO users VALUES ($1)',
      parameters: [canary],
      driverError,
    });
    const line = JSON.stringify(redactFields({ err: failed }));
    expect(line).not.toContain(canary);
    for (const told of ['23505', 'users_email', 'INSERT INTO users']) expect(line).toContain(told);
  });
});
