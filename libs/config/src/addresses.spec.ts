import { describe, expect, it } from 'vitest';
import { AddressRanges, isAddressRange, sourceOf } from './addresses.js';

describe('a list of addresses', () => {
  it.each([
    ['10.0.0.0/8', '::ffff:10.1.2.3', true],
    ['::ffff:10.0.0.0/104', '10.9.9.9', true],
    ['::1', '127.0.0.1', true],
    ['127.0.0.1', '::1', true],
    [' 10.0.0.0/8 ', '10.1.2.3:443', true],
    ['2001:db8::/32', '[2001:db8::1]:443', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['10.0.0.0/8', 'nonsense', false],
    ['10.0.0.0/8', undefined, false],
  ])('with %j, asked for %j: %s', (range, address, expected) => {
    expect(new AddressRanges([range]).hold(address)).toBe(expected);
  });

  /** A range that the check of settings takes and the network does not would shut everybody out the moment it is stored. */
  it.each([
    '10.0.0.0/33',
    'localhost',
    '10.0.0.0/8/8',
    '',
    '10.0.0.0/-1',
    '::ffff:10.0.0.0/8',
    '10.1/16',
    '0177.0.0.0/8',
  ])('refuses %j, in the check of settings as where it counts', (text) => {
    expect(isAddressRange(text)).toBe(false);
    expect(() => new AddressRanges(['10.0.0.0/8', text])).toThrow('neither an address nor a CIDR range');
  });
});

describe('where attempts come from', () => {
  it.each([
    ['192.0.2.1', '192.0.2.2', false],
    ['192.0.2.1', '::ffff:192.0.2.1', true],
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', true],
    ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
  ])('%s and %s are one source: %s', (one, other, same) => {
    expect(sourceOf(one) === sourceOf(other)).toBe(same);
  });
});
