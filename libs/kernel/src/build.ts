/** What is running. */
export abstract class Build {
  /** As in package.json. */
  abstract readonly version: string;
}
