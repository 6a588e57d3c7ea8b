import { connect, createServer, type Server, type Socket } from 'node:net';

/** A wire to a server that can be cut (connections break, new ones are refused) or go silent (nothing arrives, nothing breaks). */
export class TcpRelay {
  private readonly sockets = new Set<Socket>();
  private mode: 'open' | 'cut' | 'silent' = 'open';

  private constructor(
    private readonly server: Server,
    /** The way to the same server over this wire. */
    readonly url: string,
  ) {}

  /** To the server that a URL names, with its port. */
  static async to(target: string): Promise<TcpRelay> {
    const url = new URL(target);
    const { hostname: host, port } = url;
    const server = createServer({ pauseOnConnect: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the relay has no port');
    url.hostname = '127.0.0.1';
    url.port = String(address.port);
    const relay = new TcpRelay(server, url.href);
    server.on('connection', (near) => relay.join(near, host, Number(port)));
    return relay;
  }

  cut(): void {
    this.mode = 'cut';
    for (const socket of this.sockets) socket.destroy();
  }

  silence(): void {
    this.mode = 'silent';
    for (const socket of this.sockets) socket.unpipe().pause();
  }

  /** New connections pass again; silenced ones stay silent, as after a real network partition. */
  restore(): void {
    this.mode = 'open';
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(near: Socket, host: string, port: number): void {
    if (this.mode === 'cut') return void near.destroy();
    this.keep(near);
    if (this.mode === 'silent') return;
    const far = this.keep(connect(port, host));
    near.pipe(far).pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  }

  private keep(socket: Socket): Socket {
    this.sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.sockets.delete(socket));
    return socket;
  }
}
