import { describe, expect, it } from 'vitest';
import { assertFlagsMeant, parseCommandLine } from './flags.js';

const said = (line: string): void => assertFlagsMeant(parseCommandLine(line.split(' ')));

describe('the flags of a command', () => {
  it.each([
    'start --port 1 --role worker',
    '--data-dir /data',
    'migrate --data-dir /data',
    'doctor --production',
    'import --dry-run --from proxy_config.yaml',
    'privacy erase --user u1 --database postgresql:///tollgate',
    'keys create --file - -o json',
    'keys block --all',
  ])('are taken: %s', (line) => {
    expect(() => said(line)).not.toThrow();
  });

  /** Whoever asks for a rehearsal must not get the deed. */
  it.each([
    ['privacy erase --user u1 --dry-run', 'privacy erase does not take --dry-run'],
    ['secrets rotate --dry-run', 'secrets rotate does not take --dry-run'],
    ['migrate --check', 'migrate does not take --check'],
    ['keys delete --all', 'keys delete does not take --all'],
    ['keys list --file x', 'keys list does not take --file'],
    ['start --user x', 'start does not take --user'],
  ])('are refused where nobody would look at them: %s', (line, problem) => {
    expect(() => said(line)).toThrow(problem);
  });

  /** Arguments are in the process list of everybody on the machine, and in the shell's history. */
  it.each([
    'audit verify --database postgresql://reader:secret@host/db',
    'import --from postgres://host/db?user=reader&password=secret',
  ])('never hold a password: %s', (line) => {
    expect(() => said(line)).toThrow(/holds a password/);
    expect(() => said(line)).not.toThrow(/secret/);
  });

  it('are named when they do not exist, without a lecture', () => {
    expect(() => parseCommandLine(['keys', '--bogus'])).toThrow(/^Unknown option '--bogus'$/);
  });
});
