import type { Config } from '#libs/config';
import type { Catalogue } from '#libs/routing';
import type { Logger } from '#libs/telemetry';

/** Said at every start, because a setting that does nothing is believed to do something. */
export function tellNotices(config: Config, logger: Logger): void {
  for (const { level, path, message } of config.notices) {
    const fields = { setting: path };
    if (level === 'notice') logger.info(fields, message);
    else logger.warn(fields, message);
  }
  const { masterKeyWeakness } = config.auth;
  if (masterKeyWeakness)
    logger.warn(
      {},
      `The master key is weak: it ${masterKeyWeakness}. Whoever guesses it owns everything here.`,
    );
}

/** Models that cannot be served as configured; calls to them say so too. */
export function tellProblems(catalogue: Catalogue, logger: Logger): void {
  for (const { message, ...fields } of catalogue.problems) logger.warn(fields, message);
}
