/** What a command line may say, by the names of its flags. */
export interface CommandOptions {
  readonly config?: string;
  readonly port?: string;
  readonly host?: string;
  readonly 'data-dir'?: string;
  readonly role?: string;
  readonly production?: boolean;
  readonly database?: string;
  readonly export?: string;
  readonly out?: string;
  readonly 'public-key'?: string;
  readonly user?: string;
  readonly customer?: string;
  readonly check?: boolean;
  readonly url?: string;
  readonly output?: string;
  readonly file?: string;
  readonly all?: boolean;
  readonly from?: string;
  readonly 'dry-run'?: boolean;
  readonly 'salt-key-env'?: string;
  readonly key?: string;
  readonly model?: string;
  readonly route?: string;
  readonly team?: string;
  readonly organization?: string;
  readonly tokens?: string;
  readonly ip?: string;
}
