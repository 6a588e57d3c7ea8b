import type { Config, SamlSettings } from '#libs/config';
import { SystemClock } from '#libs/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, silentLogger, type TestDatabase } from '../../../../test/harness/postgres.js';
import { type SamlAnswerFacts, SamlProvider } from '../../../../test/harness/saml-provider.js';
import { SignInFlows } from '../sso/sign-in-flows.js';
import { SamlSignIn } from './saml-sign-in.js';

const BASE = 'https://gateway.test';
const PLACES = { callbackUrl: `${BASE}/sso/saml/callback`, metadataUrl: `${BASE}/sso/saml/metadata` };

let database: TestDatabase;
let provider: SamlProvider;
beforeAll(async () => {
  [database, provider] = await Promise.all([createTestDatabase(), SamlProvider.start()]);
});
afterAll(async () => {
  await provider?.stop();
  await database?.drop();
});

function signInWith(settings: Partial<SamlSettings> = {}): SamlSignIn {
  const saml: SamlSettings = {
    metadata: { url: provider.entityId },
    wantsAssertionsSigned: true,
    wantsMessagesSigned: false,
    allowsUnsolicited: false,
    attributes: {
      email: ['email', 'mail'],
      userId: [],
      firstName: ['first_name'],
      lastName: ['last_name'],
      role: ['role', 'roles', 'litellm_role'],
      teamIds: ['teams', 'team_ids', 'groups'],
    },
    ...settings,
  };
  const config = { signIn: { sso: { saml } } } as unknown as Config;
  const clock = new SystemClock();
  return new SamlSignIn(config, clock, silentLogger, new SignInFlows(database.dataSource, clock));
}

type Alteration = (xml: string) => string;
const asItIs: Alteration = (xml) => xml;
interface Begun {
  readonly id: string;
  readonly relayState: string;
  readonly browserSecret: string;
}
async function begin(saml: SamlSignIn): Promise<Begun> {
  const { location, browserSecret } = await saml.begin(PLACES, { returnTo: '/ui/' });
  const { id, relayState, callback, issuer } = SamlProvider.requestIn(location);
  expect([callback, issuer, location.startsWith(`${provider.url}/sign-in?`)]).toEqual([
    PLACES.callbackUrl,
    PLACES.metadataUrl,
    true,
  ]);
  return { id, relayState, browserSecret };
}
/** The provider's answer to what was begun, said otherwise by `facts`, and altered on its way. */
async function answerTo(
  { id }: Begun,
  facts: Partial<SamlAnswerFacts> = {},
  alter: Alteration = asItIs,
): Promise<string> {
  const xml = await provider.answer({
    requestId: id,
    recipient: PLACES.callbackUrl,
    audience: PLACES.metadataUrl,
    ...facts,
  });
  const altered = alter(xml);
  if (alter !== asItIs && altered === xml) throw new Error('the attack did not change the answer');
  return Buffer.from(altered).toString('base64');
}
async function outcome(saml: SamlSignIn, begun: Begun, response: string): Promise<unknown> {
  return saml.complete(PLACES, { ...begun, response }).then(
    ({ identity }) => identity.email,
    (error: { status: number; code: string }) => `${error.status} ${error.code}`,
  );
}
const INVALID = '401 auth.token_invalid';
const STRANGE = '400 request.invalid';

describe('a sign-in with SAML', () => {
  it('tells who came back, with what the provider says of roles and teams', async () => {
    const saml = signInWith();
    const begun = await begin(saml);
    const attributes = { first_name: 'Ann', roles: ['nobody', 'Internal_User'], teams: ['data', 'law'] };
    const response = await answerTo(begun, { email: 'Ann@My-Co.test', nameId: 'id-7', attributes });
    const { identity, data } = await saml.complete(PLACES, { ...begun, response });
    expect(identity).toMatchObject({
      provider: 'saml',
      issuer: provider.entityId,
      subject: 'id-7',
      email: 'ann@my-co.test',
      firstName: 'Ann',
      role: 'internal_user',
      teams: [{ id: 'data' }, { id: 'law' }],
    });
    expect(data['returnTo']).toBe('/ui/');
  });

  it('says what a provider has to know of us', async () => {
    const xml = await signInWith({ entityId: 'urn:tollgate' }).metadata(PLACES);
    expect(xml).toContain('entityID="urn:tollgate"');
    expect(xml).toContain(`Location="${PLACES.callbackUrl}"`);
    expect(xml).toContain('WantAssertionsSigned="true"');
  });

  it('takes a message that is signed as a whole where the operator wants that', async () => {
    const saml = signInWith({ wantsMessagesSigned: true });
    const [whole, part] = [await begin(saml), await begin(saml)];
    expect(await outcome(saml, whole, await answerTo(whole, { signResponse: true }))).toBe('ann@my-co.test');
    expect(await outcome(saml, part, await answerTo(part))).toBe(INVALID);
  });
});

/** Attacks: whatever is not the provider's own word, for us, for this browser, now, and for the first time. */
describe('an answer is refused', () => {
  const evil = 'boss@my-co.test';
  const assertionOf = (xml: string): string => {
    const [assertion] = /<saml:Assertion[\s\S]*<\/saml:Assertion>/.exec(xml) ?? [];
    if (assertion === undefined) throw new Error('the answer has no assertion to attack');
    return assertion;
  };
  const forged = (xml: string): string =>
    assertionOf(xml)
      .replaceAll('ann@my-co.test', evil)
      .replace(/<Signature[\s\S]*<\/Signature>/, '')
      .replace(/ ID="[^"]*"/, ' ID="_forged"');

  it.each<[string, Partial<SamlAnswerFacts>, Alteration?]>([
    ['that was changed on its way', {}, (xml) => xml.replaceAll('ann@my-co.test', evil)],
    ['that nobody signed', { signAssertion: false }],
    ['whose signature was cut off', {}, (xml) => xml.replace(/<Signature[\s\S]*<\/Signature>/, '')],
    ['that a stranger signed', { stranger: true }],
    ['that is signed with SHA-1', { signatureAlgorithm: 'rsa-sha1' }],
    ['that is for another audience', { audience: 'https://other.test' }],
    ['that was meant for another address', { recipient: 'https://other.test/sso/saml/callback' }],
    ['of another provider', { issuer: 'https://other-idp.test' }],
    ['that is over', { lifetimeInSeconds: -120 }],
    ['to another request', { requestId: '_another' }],
    ['to no request', { requestId: undefined }],
    ['that names no e-mail address', { email: null }],
    ['whose address is none', { email: 'ann' }],
    [
      'with a forged assertion before the signed one',
      {},
      (xml) => xml.replace(assertionOf(xml), forged(xml) + assertionOf(xml)),
    ],
    [
      'with a forged assertion after the signed one',
      {},
      (xml) => xml.replace(assertionOf(xml), assertionOf(xml) + forged(xml)),
    ],
    [
      'that wraps the signed assertion in a forged one',
      {},
      (xml) =>
        xml.replace(
          assertionOf(xml),
          forged(xml).replace(
            '</saml:Assertion>',
            `<saml:Advice>${assertionOf(xml)}</saml:Advice></saml:Assertion>`,
          ),
        ),
    ],
    [
      'that hides the signed assertion in an extension',
      {},
      (xml) =>
        xml.replace(
          assertionOf(xml),
          `<samlp:Extensions>${assertionOf(xml)}</samlp:Extensions>${forged(xml)}`,
        ),
    ],
    [
      'with a comment that splits a name',
      {},
      (xml) => xml.replaceAll('ann@my-co.test', 'ann@my-co.test<!-- -->.evil.test'),
    ],
    ['that declares entities', {}, (xml) => `<!DOCTYPE x [<!ENTITY e "x">]>${xml}`],
    ['that is no XML', {}, () => 'not xml at all'],
    ['that is empty', {}, () => ''],
  ])('%s', async (_, facts, alter) => {
    const saml = signInWith();
    const begun = await begin(saml);
    expect(await outcome(saml, begun, await answerTo(begun, facts, alter))).toBe(INVALID);
  });

  it('that was used before, also on another replica, and also in a new sign-in of the same browser', async () => {
    const saml = signInWith();
    const begun = await begin(saml);
    const response = await answerTo(begun);
    expect(await outcome(saml, begun, response)).toBe('ann@my-co.test');
    expect(await outcome(signInWith(), begun, response)).toBe(STRANGE);
    expect(await outcome(saml, await begin(saml), response)).toBe(INVALID);
  });

  it('of two that come at once, one', async () => {
    const saml = signInWith();
    const begun = await begin(saml);
    const response = await answerTo(begun);
    const both = await Promise.all([outcome(saml, begun, response), outcome(signInWith(), begun, response)]);
    expect(both.toSorted()).toEqual([STRANGE, 'ann@my-co.test']);
  });

  /** Attack: somebody's own answer is posted by somebody else's browser, which is then signed in as him. */
  it('that another browser brings', async () => {
    const saml = signInWith();
    const [victim, attacker] = [await begin(saml), await begin(saml)];
    const response = await answerTo(attacker);
    expect(await outcome(saml, { ...attacker, browserSecret: victim.browserSecret }, response)).toBe(STRANGE);
    expect(await outcome(saml, { ...victim, relayState: attacker.relayState }, response)).toBe(STRANGE);
    expect(await outcome(saml, victim, response)).toBe(INVALID);
  });

  it('that nobody asked for, unless the operator takes those: then once', async () => {
    const nobody = { id: '', relayState: 'x', browserSecret: 'y' };
    const response = await answerTo(nobody, { requestId: undefined });
    expect(await outcome(signInWith(), nobody, response)).toBe(STRANGE);
    const open = signInWith({ allowsUnsolicited: true });
    const asked = await answerTo(nobody, { requestId: '_somebody-elses' });
    expect(await outcome(open, nobody, asked)).toBe(INVALID);
    const all = await Promise.all([1, 2, 3].map(() => outcome(open, nobody, response)));
    expect(all.toSorted()).toEqual([INVALID, INVALID, 'ann@my-co.test']);
  });
});

describe('a provider that is away', () => {
  it('is an outage, and what it said last counts', async () => {
    const away = await SamlProvider.start();
    const saml = signInWith({ metadata: { url: away.entityId } });
    await saml.begin(PLACES, {});
    await away.stop();
    await saml.begin(PLACES, {});
    const late = await signInWith({ metadata: { url: away.entityId } })
      .begin(PLACES, {})
      .then(
        () => 200,
        (error: { status: number }) => error.status,
      );
    expect(late).toBe(503);
  });
});
