import { checkConfig } from '#libs/config';
import { findUnsafeOpenings } from '#libs/rbac';

/** Prints one line a finding: level, path, what it means. Exit 1 when the file would not start. */
export function checkConfigFile(file: string): number {
  const { config, notices, ...report } = checkConfig(file);
  // What a start asks beyond the file's own form: what it would open, and to whom.
  const errors = [...report.errors, ...findUnsafeOpenings(config)];
  for (const { path, message } of errors) process.stdout.write(`error        ${path}: ${message}\n`);
  for (const { level, path, message } of notices) {
    process.stdout.write(`${level.padEnd(12)} ${path}: ${message}\n`);
  }
  const wouldStart = report.wouldStart && errors.length === 0;
  process.stdout.write(wouldStart ? `${file} is understood.\n` : `${file} would not start.\n`);
  return wouldStart ? 0 : 1;
}
