export type { ConfigFlags } from './assemble.js';
export { Config, type ConfigNotice, type ConfigTree, type ModelEntry } from './config.js';
export { checkConfig, type ConfigReport, type ConfigSources, loadConfig } from './load-config.js';
export { weaknessOfMasterKey } from './master-key.js';
export { editDistance } from './nearest-name.js';
export { secretsOf } from './secrets-of.js';
export { ConfigError, type ConfigProblem } from './problems.js';
