import { checkConfig } from '#libs/config';

/** Prints one line a finding: level, path, what it means. Exit 1 when the file would not start. */
export function checkConfigFile(file: string): number {
  const report = checkConfig(file);
  for (const { path, message } of report.errors) process.stdout.write(`error        ${path}: ${message}\n`);
  for (const { level, path, message } of report.notices) {
    process.stdout.write(`${level.padEnd(12)} ${path}: ${message}\n`);
  }
  process.stdout.write(report.wouldStart ? `${file} is understood.\n` : `${file} would not start.\n`);
  return report.wouldStart ? 0 : 1;
}
