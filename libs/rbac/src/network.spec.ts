import { tmpdir } from 'node:os';
import { Config, type ConfigTree, loadConfig } from '#libs/config';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assertNetworkAllowed, Network } from './network.js';

const base = await loadConfig({ env: {}, cwd: tmpdir() });
const network = (allowedIps: readonly string[] | undefined, trustedProxyRanges: readonly string[] = []) => {
  const tree: ConfigTree['network'] = {
    ...(allowedIps === undefined ? {} : { allowedIps }),
    trustedProxyRanges,
  };
  return new Network(new Config({ ...base, network: tree }));
};

describe('allowed_ips', () => {
  it.each([
    [['10.0.0.0/8'], '10.1.2.3', true],
    [['10.0.0.0/8'], '::ffff:10.1.2.3', true],
    [['10.0.0.0/8'], '11.0.0.1', false],
    [['192.168.1.7'], '192.168.1.7', true],
    [['192.168.1.7'], '192.168.1.70', false],
    [['127.0.0.1'], '::1', true],
    [['::1'], '127.0.0.1', true],
    [['::1/128'], '::ffff:127.0.0.1', true],
    [['2001:db8::/32'], '2001:db8::1', true],
    [['2001:db8::/32'], '2001:db9::1', false],
    [['::ffff:10.0.0.0/104'], '10.9.9.9', true],
    [['fe80::/10'], 'fe80::1%eth0', true],
    [['0.0.0.0/0'], '2001:db8::1', false],
    [[], '127.0.0.1', false],
    [['10.0.0.0/8'], undefined, false],
    [['10.0.0.0/8'], 'nonsense', false],
    // Octal and short forms are read differently by different parsers.
    [['10.0.0.0/8'], '012.0.0.1', false],
    [['10.0.0.0/8'], '10.1', false],
    [undefined, 'nonsense', true],
  ])('%j and %s: %s', (allowed, peer, expected) => {
    expect(network(allowed).decide(peer, undefined).allowed).toBe(expected);
  });

  it('refuses with 403, and tells the address to the log only', () => {
    const decision = network(['10.0.0.0/8']).decide('11.1.1.1', undefined);
    expect(() => assertNetworkAllowed(decision)).toThrow(
      expect.objectContaining({
        status: 403,
        publicMessage: expect.not.stringContaining('11.1.1.1'),
        message: expect.stringContaining('11.1.1.1'),
      }),
    );
  });
});

describe('X-Forwarded-For', () => {
  const behind = network(['203.0.113.0/24'], ['10.0.0.0/8']);

  /** Attack: anybody can write the header; from an untrusted peer it is noise. */
  it('is ignored from a peer that is no trusted proxy', () => {
    expect(behind.clientAddress('198.51.100.1', '203.0.113.5')).toBe('198.51.100.1');
    expect(behind.decide('198.51.100.1', '203.0.113.5').allowed).toBe(false);
  });

  it.each([
    ['203.0.113.5', '203.0.113.5'],
    ['203.0.113.5, 10.2.2.2', '203.0.113.5'],
    // Attack: a forged entry stands to the left of the one our proxy wrote.
    ['203.0.113.5, 198.51.100.1', '198.51.100.1'],
    ['203.0.113.5:4711', '203.0.113.5'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['10.3.3.3, 10.2.2.2', '10.3.3.3'],
    ['203.0.113.5, garbage', undefined],
    ['', '10.1.1.1'],
  ])('%j from a trusted proxy means %s', (header, expected) => {
    expect(behind.clientAddress('10.1.1.1', header)).toBe(expected);
  });

  it('is ignored while no proxy is trusted', () => {
    expect(network(undefined).clientAddress('10.1.1.1', '203.0.113.5')).toBe('10.1.1.1');
  });
});

describe('properties of the network check', () => {
  const forged = fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()), { maxLength: 5 });

  it('what a client forges never changes whom a trusted proxy saw', () => {
    const behind = network(['203.0.113.0/24'], ['10.0.0.0/8']);
    fc.assert(fc.property(forged, (entries) => {
      const header = [...entries.map((entry) => entry.replaceAll(/[\r\n]/g, '')), '198.51.100.1', '10.2.2.2'].join(', ');
      expect(behind.clientAddress('10.1.1.1', header)).toBe('198.51.100.1');
      expect(behind.decide('10.1.1.1', header).allowed).toBe(false);
    })); // prettier-ignore
  });

  it('an IPv4 address and its IPv6-mapped form are one', () => {
    fc.assert(fc.property(fc.ipV4(), fc.ipV4(), (allowed, peer) => {
      const list = network([allowed]);
      expect(list.decide(`::ffff:${peer}`, undefined).allowed).toBe(list.decide(peer, undefined).allowed);
      expect(list.decide(peer, undefined).allowed).toBe(allowed === peer);
    })); // prettier-ignore
  });
});
