/**
 * Where the product speaks to its operator. Fields come first, so that a line can be searched; the message is one
 * sentence without values. Whatever is passed, secrets are masked before anything is written, at every level.
 */
export abstract class Logger {
  abstract trace(fields: object, message: string): void;
  abstract debug(fields: object, message: string): void;
  abstract info(fields: object, message: string): void;
  abstract warn(fields: object, message: string): void;
  abstract error(fields: object, message: string): void;
  abstract fatal(fields: object, message: string): void;
  /** A logger that adds `fields` to each of its lines. Costs an allocation: for rooms and jobs, not for requests. */
  abstract child(fields: object): Logger;
}
