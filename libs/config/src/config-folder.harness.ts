import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Config, ConfigError, loadConfig } from './index.js';

/** For tests: a folder of its own for configuration files, and what loading them says. */
export class ConfigFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'tollgate-config-'));

  remove(): void {
    rmSync(this.path, { recursive: true });
  }

  put(name: string, text: string, mode = 0o600): string {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  }

  load(yaml: string, env: Record<string, string> = {}): Promise<Config> {
    this.put('config.yaml', yaml);
    return loadConfig({ flags: { config: 'config.yaml' }, env, cwd: this.path });
  }

  async problemsOf(yaml: string, env: Record<string, string> = {}): Promise<string[]> {
    try {
      await this.load(yaml, env);
      return [];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return error.problems.map(({ path, message }) => `${path}: ${message}`);
    }
  }

  async noticesOf(yaml: string, env: Record<string, string> = {}): Promise<string[]> {
    const { notices } = await this.load(yaml, env);
    return notices.map(({ level, path, message }) => `${level} ${path}: ${message}`);
  }
}
