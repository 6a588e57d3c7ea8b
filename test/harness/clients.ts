import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { OwnedProcess } from './process.js';

/** The real client, with its own retries off: a test wants to see each answer. */
export function openAi(baseUrl: string, apiKey: string): OpenAI {
  return new OpenAI({ baseURL: baseUrl, apiKey, maxRetries: 0, timeout: 30_000 });
}

/** The real client, as an Anthropic user has it: `baseUrl` without `/v1`. */
export function anthropic(baseUrl: string, apiKey: string): Anthropic {
  return new Anthropic({ baseURL: baseUrl, apiKey, maxRetries: 0, timeout: 30_000 });
}

export interface PythonRun {
  readonly exitCode: number | null;
  readonly output: string;
}

/** Made once per machine; a folder that pip left half-done is finished by the next run. */
const environment = join(tmpdir(), 'tollgate-python-openai');
const python = join(environment, 'bin', 'python');

/** Why Python's OpenAI client cannot be used here, or undefined when it can. Installs it on first use. */
export function findPythonProblem(): string | undefined {
  const runs = (command: string, args: string[]) =>
    spawnSync(command, args, { stdio: 'ignore', timeout: 180_000 }).status === 0;
  if (!runs('python3', ['-c', 'import venv'])) return 'python3 with venv is not on this machine';
  if (existsSync(python) && runs(python, ['-c', 'import openai'])) return undefined;
  if (!runs('python3', ['-m', 'venv', environment])) return 'python3 -m venv failed';
  if (!runs(python, ['-m', 'pip', 'install', '--quiet', 'openai'])) return 'pip install openai failed';
  return undefined;
}

/** Runs a Python script that finds `OPENAI_BASE_URL` and `OPENAI_API_KEY` in its environment, as the client itself does. */
export async function runPython(script: string, baseUrl: string, apiKey: string): Promise<PythonRun> {
  const env = { PATH: process.env.PATH, OPENAI_BASE_URL: baseUrl, OPENAI_API_KEY: apiKey };
  const child = new OwnedProcess(python, ['-c', script], { env });
  const deadline = Date.now() + 60_000;
  while (!child.hasExited && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  await child.stop('SIGTERM', 1_000);
  return { exitCode: child.exitCode, output: child.output };
}
