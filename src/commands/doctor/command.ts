import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, ConfigError } from '#libs/config';
import { findRedisProblem } from '#libs/counters';
import { findNodeProblem } from '../../version.js';
import type { CommandOptions } from '../options.js';
import { readConfig } from '../read-config.js';
import { database } from './database.js';
import { bad, type Finding, look, ok } from './finding.js';
import { machine } from './machine.js';

/** Explains this environment in sentences; exit 1 when something is bad. `--production` adds the checklist of a production deployment. */
export async function doctor(options: CommandOptions): Promise<number> {
  let config: Config;
  try {
    config = await readConfig(options);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stdout.write(`bad   ${error.message}\n`);
    return 1;
  }
  const findings = [
    ...runtime(),
    ...configuration(config),
    ...masterKey(config),
    ...(await machine(config)),
    ...(await database(config)),
    ...(await redis(config)),
  ];
  if (options.production) findings.push(...production(config));
  for (const { verdict, text } of findings) process.stdout.write(`${verdict.padEnd(5)} ${text}\n`);
  return findings.some(({ verdict }) => verdict === 'bad') ? 1 : 0;
}

function runtime(): Finding[] {
  const problem = findNodeProblem();
  return [problem === undefined ? ok(`Node ${process.versions.node}.`) : bad(problem)];
}

function configuration(config: Config): Finding[] {
  const { configFile } = config.server;
  return [
    ok(
      configFile
        ? `The configuration is ${configFile}.`
        : 'No configuration file: the built-in one with the model "demo" is used.',
    ),
    ...config.notices.map(({ path, message }) => look(`${path}: ${message}`)),
  ];
}

function masterKey(config: Config): Finding[] {
  const { masterKeySource, masterKeyWeakness } = config.auth;
  const findings: Finding[] = [];
  if (masterKeySource === 'file')
    findings.push(
      look('The master key stands in the configuration file as it is; use os.environ/LITELLM_MASTER_KEY.'),
    );
  if (masterKeySource === 'none')
    findings.push(ok('No master key is set: one is made on first start and kept in the data directory.'));
  if (masterKeyWeakness) findings.push(bad(`The master key is weak: it ${masterKeyWeakness}.`));
  else if (masterKeySource !== 'none') findings.push(ok('The master key is strong.'));
  return findings;
}

async function redis({ stores }: Config): Promise<Finding[]> {
  if (!stores.redisUrl) return [ok('No REDIS_URL: one proxy process counts limits and budgets in memory.')];
  const { redisUrl: url, redisAuthorities: authorities } = stores;
  const problem = await findRedisProblem({ url, authorities });
  return [problem === undefined ? ok('Redis answers, and may be counted on.') : bad(problem.text)];
}

/** The pre-deployment part of the security checklist, as far as it can be seen from here. */
function production(config: Config): Finding[] {
  const { production: isProduction, dataDir, host } = config.server;
  const checks: [boolean, string, string][] = [
    [
      isProduction,
      'NODE_ENV is production.',
      'NODE_ENV is not production: weak master keys are only warned about.',
    ],
    [
      config.auth.masterKeySource === 'environment',
      'The master key comes from the environment.',
      'The master key does not come from the environment.',
    ],
    [
      config.stores.databaseUrl !== undefined,
      'A PostgreSQL of your own holds the data.',
      'The embedded PostgreSQL holds the data: back up the data directory, or set DATABASE_URL.',
    ],
    [
      config.network.allowedIps !== undefined,
      'general_settings.allowed_ips limits who may connect.',
      'general_settings.allowed_ips is not set: every address may connect.',
    ],
    [
      config.network.trustedProxyRanges.length > 0 || host === '127.0.0.1',
      'The addresses of callers can be known.',
      'trusted_proxy_ranges is not set: behind a proxy every caller has the proxy’s address.',
    ],
    [
      !config.server.corsOrigins.includes('*'),
      'CORS is off or names its origins.',
      'CORS admits every origin: name yours in general_settings.cors_origin.',
    ],
    [
      config.limits.requestsPerMinute !== undefined,
      'A proxy-wide rate limit is set.',
      'litellm_settings.rpm is not set: only keys, teams and users are limited.',
    ],
    [
      config.logging.json,
      'Logs are JSON.',
      'Logs are not JSON: set general_settings.json_logs for a log collector.',
    ],
  ];
  const findings = checks.map(([isFine, fine, otherwise]) => (isFine ? ok(fine) : look(otherwise)));
  for (const file of ['.env', join(dataDir, 'master-key')]) {
    const mode = statSync(file, { throwIfNoEntry: false })?.mode;
    if (mode !== undefined && (mode & 0o077) !== 0)
      findings.push(bad(`${file} can be read by others: chmod 600 ${file}.`));
  }
  findings.push(look('HTTPS is not ours to see: put a reverse proxy in front (docker/nginx shows one).'));
  return findings;
}
