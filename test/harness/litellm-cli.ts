import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OwnedProcess } from './process.js';

/** Made once per machine; a folder that pip left half-done is finished by the next run. */
const environment = join(tmpdir(), 'tollgate-python-litellm');
const python = join(environment, 'bin', 'python');

/** The version that docs/compatibility.md compares with. */
const CLIENT = 'litellm==1.106.2';
/**
 * The package installs a hundred others for LiteLLM's own server; its client needs these. Its root module imports the server's world,
 * so the client's modules are loaded from below it. A minute for the whole package becomes seconds.
 */
const NEEDED = ['click', 'filelock', 'importlib_metadata', 'InquirerPy', 'openai', 'packaging', 'pydantic', 'pyyaml', 'requests', 'rich', 'tomlkit']; // prettier-ignore
const CLIENT_ALONE = `
import importlib.util, sys, types
spec = importlib.util.find_spec('litellm')
root = types.ModuleType('litellm')
root.__path__, root.__spec__ = list(spec.submodule_search_locations), spec
sys.modules['litellm'] = root
`;

export interface CliRun {
  readonly exitCode: number | null;
  readonly output: string;
}

/** Why LiteLLM's command line cannot be used here, or undefined when it can. Installs it on first use. */
export function findLiteLLMProblem(): string | undefined {
  const runs = (command: string, args: string[]) =>
    spawnSync(command, args, { stdio: 'ignore', timeout: 180_000 }).status === 0;
  const pip = (...packages: string[]) =>
    runs(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages]);
  if (!runs('python3', ['-c', 'import venv'])) return 'python3 with venv is not on this machine';
  const isThere = () => runs(python, ['-c', `${CLIENT_ALONE}\nfrom litellm.proxy.client.cli import cli`]);
  if (existsSync(python) && isThere()) return undefined;
  if (!runs('python3', ['-m', 'venv', environment])) return 'python3 -m venv failed';
  if (!pip('--no-deps', CLIENT) || !pip(...NEEDED)) return 'pip install litellm failed';
  return isThere() ? undefined : "LiteLLM's client could not be loaded without its server";
}

/** LiteLLM's command line as somebody without a key has it, in a home of its own; no browser is opened. */
export function startLiteLLMCli(script: string, baseUrl: string, home: string): OwnedProcess {
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    BROWSER: 'true',
    LITELLM_PROXY_URL: baseUrl,
    PYTHONUNBUFFERED: '1',
  };
  return new OwnedProcess(python, ['-c', `${CLIENT_ALONE}${IMPORTS}${script}`], { env });
}

/** Runs a Python script that finds LiteLLM's `cli` and `Client` imported, and the proxy's address and key in its environment. */
export async function runLiteLLMClient(script: string, baseUrl: string, apiKey: string): Promise<CliRun> {
  const env = { PATH: process.env.PATH, LITELLM_PROXY_URL: baseUrl, LITELLM_PROXY_API_KEY: apiKey };
  const child = new OwnedProcess(python, ['-c', `${CLIENT_ALONE}${IMPORTS}${script}`], { env });
  const deadline = Date.now() + 60_000;
  while (!child.hasExited && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  await child.stop('SIGTERM', 1_000);
  return { exitCode: child.exitCode, output: child.output };
}

const IMPORTS = `
import json, os
from click.testing import CliRunner
from litellm.proxy.client import Client
from litellm.proxy.client.cli import cli

def run(*arguments):
    done = CliRunner().invoke(cli, list(arguments))
    if done.exit_code != 0:
        raise SystemExit(f"{arguments}: {done.output} {done.exception!r}")
    return done.output

def read(*arguments):
    return json.loads(run(*arguments))
`;
