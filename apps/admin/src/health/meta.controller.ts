import { Controller } from '@nestjs/common';
import { Handles, POLICY, type RouteId } from '#libs/rbac';

/** What the product says about itself to anybody. */
@Controller()
export class MetaController {
  /** The way to everything else. */
  @Handles('GET /')
  root(): object {
    return { name: 'Tollgate', status: 'ok', routes: '/routes', health: '/health/readiness' };
  }

  /** Every route of the policy table, as the contract lists them. */
  @Handles('GET /routes')
  routes(): object {
    const methods = new Map<string, string[]>();
    for (const route of Object.keys(POLICY) as RouteId[]) {
      const [method = '', path = ''] = route.split(' ');
      methods.set(path, [...(methods.get(path) ?? []), method]);
    }
    return {
      routes: [...methods].map(([path, allowed]) => ({
        path,
        methods: allowed,
        name: nameOf(path),
        endpoint: nameOf(path),
      })),
    };
  }

  @Handles('GET /test')
  test(): object {
    return { route: '/test' };
  }
}

function nameOf(path: string): string {
  return path.replace(/[^a-z0-9]+/gi, '_').replace(/^_|_$/g, '') || 'root';
}
