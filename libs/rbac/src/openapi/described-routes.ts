import { HTTP_CODE_METADATA, METHOD_METADATA, MODULE_METADATA } from '@nestjs/common/constants.js';
import { routesOf } from '../handles.js';
import type { RouteId } from '../policy.js';
import { answerOf, bodyOf, queryOf } from './answers.js';
import type { DescribedRoute } from './described-route.js';
import { LANE_ROUTES } from './lane-routes.js';

type Class = abstract new (...args: never[]) => object;

/** Every route these controllers handle, in the order they are written, and the completion routes, which no controller handles. */
export function describedRoutes(controllers: Iterable<Class>): DescribedRoute[] {
  const found: DescribedRoute[] = [];
  for (const controller of controllers) {
    const prototype = controller.prototype as object;
    for (const name of Object.getOwnPropertyNames(prototype)) {
      const handler = Object.getOwnPropertyDescriptor(prototype, name)?.value as unknown;
      if (typeof handler !== 'function' || !Reflect.hasMetadata(METHOD_METADATA, handler)) continue;
      for (const route of routesOf(handler) ?? []) {
        found.push({
          route,
          handler: `${controller.name}.${name}`,
          answer: answerOf(handler),
          body: bodyOf(prototype, name),
          query: queryOf(prototype, name),
          status: statusOf(handler, route),
        });
      }
    }
  }
  return [...LANE_ROUTES, ...found];
}

/** Every controller of a module and of the modules it imports, without starting anything. */
export function controllersOf(module: unknown, seen = new Set<unknown>()): Class[] {
  if (typeof module === 'object' && module !== null && 'module' in module)
    return [
      ...controllersOf(module.module, seen),
      ...((module as { controllers?: Class[] }).controllers ?? []),
      ...((module as { imports?: unknown[] }).imports ?? []).flatMap((each) => controllersOf(each, seen)),
    ];
  if (typeof module !== 'function' || seen.has(module)) return [];
  seen.add(module);
  const own = (Reflect.getMetadata(MODULE_METADATA.CONTROLLERS, module) ?? []) as Class[];
  const imports = (Reflect.getMetadata(MODULE_METADATA.IMPORTS, module) ?? []) as unknown[];
  return [...own, ...imports.flatMap((each) => controllersOf(each, seen))];
}

/** What the framework answers with when the handler does not say. */
function statusOf(handler: object, route: RouteId): number {
  const said = Reflect.getMetadata(HTTP_CODE_METADATA, handler) as number | undefined;
  return said ?? (route.startsWith('POST ') ? 201 : 200);
}
