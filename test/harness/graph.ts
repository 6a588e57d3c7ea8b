import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Microsoft Graph, as far as sign-in asks it: the user, its groups in pages, the assignments of a service principal. */
export class GraphStandIn {
  user: Record<string, unknown> = {};
  groups: { id: string; displayName: string; '@odata.type'?: string }[] = [];
  assigned: { principalId: string; principalDisplayName: string; principalType: string }[] = [];
  /** The address a page calls its successor, in place of the right one. */
  nextLink: string | undefined;
  groupStatus = 200;
  readonly asked: string[] = [];

  private constructor(private readonly server: Server) {}

  static async start(pageSize = 2): Promise<GraphStandIn> {
    const server = createServer();
    const self = new GraphStandIn(server);
    server.on('request', (request, response) => {
      const url = new URL(request.url ?? '', self.url);
      self.asked.push(`${url.pathname} ${request.headers.authorization?.slice(0, 7) ?? ''}`);
      const send = (status: number, body: unknown): void => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      };
      const pages = (rows: readonly unknown[]): void => {
        if (self.groupStatus !== 200) return send(self.groupStatus, { error: {} });
        const from = Number(url.searchParams.get('from') ?? 0);
        const next = new URL(url);
        next.searchParams.set('from', String(from + pageSize));
        send(200, {
          value: rows.slice(from, from + pageSize),
          ...(from + pageSize < rows.length ? { '@odata.nextLink': self.nextLink ?? next.href } : {}),
        });
      };
      if (url.pathname === '/v1.0/me') return send(200, self.user);
      if (url.pathname === '/v1.0/me/memberOf') return pages(self.groups);
      if (/^\/v1\.0\/servicePrincipals\/[^/]+\/appRoleAssignedTo$/.test(url.pathname))
        return pages(self.assigned);
      send(404, {});
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return self;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => void this.server.close(() => resolve()));
  }
}
