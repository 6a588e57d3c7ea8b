/** One alert on its way. The id is the same in every attempt: a receiver that hears twice can tell. */
export interface Letter {
  readonly alertId: string;
  readonly channel: string;
  readonly attempts: number;
  readonly event: string;
  readonly payload: Readonly<Record<string, unknown>>;
}
