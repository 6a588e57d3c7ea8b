import { Controller } from '@nestjs/common';
import { Answers, Handles, POLICY, type RouteId } from '#libs/rbac';
import { z } from 'zod';

/** What the product says about itself to anybody. */
@Controller()
export class MetaController {
  /** Every route of the policy table, as the contract lists them. */
  @Handles('GET /routes')
  @Answers(
    'Lists every route',
    z.object({
      routes: z.array(
        z.object({ path: z.string(), methods: z.array(z.string()), name: z.string(), endpoint: z.string() }),
      ),
    }),
  )
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
  @Answers('Answers, and nothing else', z.object({ route: z.string() }))
  test(): object {
    return { route: '/test' };
  }
}

function nameOf(path: string): string {
  return path.replace(/[^a-z0-9]+/gi, '_').replace(/^_|_$/g, '') || 'root';
}
