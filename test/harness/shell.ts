import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OwnedProcess } from './process.js';

export interface CurlAnswer {
  readonly status: number;
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- a test looks into answers freely
  readonly json: any;
}

/** A person's terminal: lines run as they are written, with a `.curlrc` that also tells the status. */
export class Shell {
  readonly folder = mkdtempSync(join(tmpdir(), 'tollgate-shell-'));

  constructor(private readonly variables: Readonly<Record<string, string>> = {}) {
    writeFileSync(join(this.folder, '.curlrc'), 'silent\nwrite-out = "\\n%{http_code}"\nmax-time = 30\n');
  }

  async run(script: string): Promise<{ exitCode: number | null; output: string }> {
    const env = { PATH: process.env.PATH, CURL_HOME: this.folder, ...this.variables };
    const child = new OwnedProcess('bash', ['-c', script], { cwd: this.folder, env });
    await child.ended(60_000);
    return { exitCode: child.exitCode, output: child.output };
  }

  /** One curl line. An answer that is not JSON has no `json`. */
  async curl(line: string): Promise<CurlAnswer> {
    const { exitCode, output } = await this.run(line);
    const cut = output.lastIndexOf('\n');
    const status = Number(output.slice(cut + 1));
    if (exitCode !== 0 || !Number.isInteger(status))
      throw new Error(`curl ended with ${exitCode}: ${output}\n${line}`);
    const text = output.slice(0, cut);
    return { status, text, json: /^\s*[{[]/.test(text) ? JSON.parse(text) : undefined };
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
