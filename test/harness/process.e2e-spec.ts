import { describe, expect, it } from 'vitest';
import { OwnedProcess } from './process.js';

const stubborn =
  "process.on('SIGTERM', () => console.log('no')); console.log('up'); setInterval(() => {}, 1000);";

async function started(script: string): Promise<OwnedProcess> {
  const child = new OwnedProcess(process.execPath, ['-e', script]);
  await expect.poll(() => child.output, { timeout: 10_000 }).toContain('up');
  return child;
}

describe('a process the tests own', () => {
  it('ends when asked, with its exit code', async () => {
    const child = await started(
      "process.on('SIGTERM', () => process.exit(3)); console.log('up'); setInterval(() => {}, 1000);",
    );
    await child.stop();
    expect(child.exitCode).toBe(3);
    expect(child.hasExited).toBe(true);
  });

  it('is killed, and that is an error, when it does not listen', async () => {
    const child = await started(stubborn);
    await expect(child.stop('SIGTERM', 300)).rejects.toThrow(/ignored SIGTERM/);
    expect(child.hasExited).toBe(true);
  });

  it('says so when the program is not there', async () => {
    const child = new OwnedProcess('/nowhere/program', []);
    await child.stop();
    expect(child.output).toContain('cannot run /nowhere/program');
  });
});
