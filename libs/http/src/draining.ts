import { GatewayError } from '#libs/kernel';

/** Whether this process is leaving, and who is still being served: liveness, readiness and shutdown read the same answer. */
export class Draining {
  #draining = false;
  #inFlight = 0;
  #idle: (() => void)[] = [];

  get isDraining(): boolean {
    return this.#draining;
  }

  /** Throws what a request is told that comes too late: to come again, over another connection. */
  assertServing(): void {
    if (!this.#draining) return;
    throw new GatewayError('server.draining', 'The server is shutting down.', {
      headers: { connection: 'close', 'retry-after': '1' },
    });
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  enter(): void {
    this.#inFlight += 1;
  }

  leave(): void {
    this.#inFlight -= 1;
    if (this.#inFlight === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** New work is refused from now on. Resolves when the last request has been answered, or after `timeoutMs`. */
  async start(timeoutMs: number): Promise<void> {
    this.#draining = true;
    if (this.#inFlight === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([new Promise<void>((resolve) => this.#idle.push(resolve)), late]);
    clearTimeout(timer);
  }
}
