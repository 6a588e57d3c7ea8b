import type { INestApplication } from '@nestjs/common';
import { METHOD_METADATA } from '@nestjs/common/constants.js';
import { ModulesContainer } from '@nestjs/core';
import { routesOf } from './handles.js';
import { POLICY, type RouteId, routerPathOf } from './policy.js';

/** What this walk reads of Express's router: its layers, routed or mounted. */
interface RouterLayer {
  readonly name: string;
  readonly slash: boolean;
  readonly rawPath?: unknown;
  readonly handle: { readonly stack?: readonly RouterLayer[] };
  readonly route?: {
    readonly path: unknown;
    readonly methods: Readonly<Record<string, boolean | undefined>>;
  };
}

/**
 * Throws, naming each, while the started application answers a path or holds a handler that the policy table does not
 * know: controllers, raw `app.get(...)` routes, mounted routers, static files and listeners past the router alike. Call it after `app.init()`.
 * `mounts` are the paths of middleware that is meant to be mounted below the root; `prefix` is the global prefix, if any;
 * `upgrades` are the rows that the one listener for WebSockets serves.
 */
export function assertEveryRouteDeclared(
  app: INestApplication,
  {
    mounts = [],
    prefix = '',
    upgrades = [],
  }: { mounts?: readonly string[]; prefix?: string; upgrades?: readonly RouteId[] } = {},
): void {
  const undeclared = [
    ...undeclaredHandlers(app),
    ...undeclaredPaths(stackOf(app), mounts, prefix),
    ...undeclaredListeners(app, upgrades),
  ];
  if (undeclared.length > 0) {
    throw new Error(
      `Routes without a declared access: ${undeclared.join(', ')}. Add them to the policy table and bind them with @Handles.`,
    );
  }
}

function stackOf(app: INestApplication): readonly RouterLayer[] {
  const express = app.getHttpAdapter().getInstance() as { router?: { stack?: readonly RouterLayer[] } };
  const stack = express.router?.stack;
  // An unknown router must not pass for an empty one.
  if (!Array.isArray(stack)) throw new Error('The HTTP adapter has no router stack to check.');
  return stack as readonly RouterLayer[];
}

function undeclaredPaths(stack: readonly RouterLayer[], mounts: readonly string[], prefix: string): string[] {
  const declared = new Set<string>();
  for (const route of Object.keys(POLICY) as RouteId[]) {
    const { method, path } = routerPathOf(route);
    declared.add(`${method} ${prefix}${path}`);
    declared.add(`${method} ${prefix}${path === '/' && prefix !== '' ? '' : path}`);
  }
  return stack.flatMap((layer) => undeclaredIn(layer, declared, mounts));
}

/** What one layer answers that nobody declared: its routes, or all of it where it cannot be looked into. */
function undeclaredIn(
  layer: RouterLayer,
  declared: ReadonlySet<string>,
  mounts: readonly string[],
): string[] {
  const { route, name, rawPath } = layer;
  if (route) return [route.path].flat().flatMap((path) => undeclaredMethods(route, String(path), declared));
  if (Array.isArray(layer.handle.stack)) return [`(router mounted at ${String(rawPath ?? '?')})`];
  if (layer.slash || mounts.includes(String(rawPath))) return [];
  return [`(${name} mounted at ${String(rawPath ?? '?')})`];
}

function undeclaredMethods(
  { methods }: NonNullable<RouterLayer['route']>,
  path: string,
  declared: ReadonlySet<string>,
): string[] {
  const names = Object.keys(methods)
    .map((method) => `${method.toUpperCase()} ${path}`)
    .filter((name) => !declared.has(name));
  // `app.all` registers every verb Node knows, one by one.
  return names.length > 9 ? [`ALL ${path}`] : names;
}

/** A WebSocket is a route too, and no guard of ours is asked on its way: whoever listens says which rows it asks instead. */
function undeclaredListeners(app: INestApplication, upgrades: readonly RouteId[]): string[] {
  const server = app.getHttpServer() as { listenerCount?: (event: string) => number };
  if (typeof server.listenerCount !== 'function')
    throw new Error('The HTTP server cannot be asked for its listeners.');
  const allowed = { upgrade: upgrades.length > 0 ? 1 : 0, connect: 0 } as const;
  return (['upgrade', 'connect'] as const)
    .filter((event) => (server.listenerCount?.(event) ?? 0) > allowed[event])
    .map((event) => `(listener of ${event})`);
}

function undeclaredHandlers(app: INestApplication): string[] {
  const controllers = [...app.get(ModulesContainer).values()]
    .flatMap((module) => [...module.controllers.values()])
    .flatMap(({ metatype }) => (typeof metatype === 'function' ? [metatype] : []));
  return controllers.flatMap((controller) =>
    handlersOf(controller.prototype as object)
      .filter(({ handler }) => routesOf(handler) === undefined)
      .map(({ name }) => `${controller.name}.${name}`),
  );
}

/** The methods of a controller that Nest routes to. */
function handlersOf(prototype: object): { name: string; handler: object }[] {
  return Object.getOwnPropertyNames(prototype).flatMap((name) => {
    const handler = Object.getOwnPropertyDescriptor(prototype, name)?.value as unknown;
    const isHandler = typeof handler === 'function' && Reflect.hasMetadata(METHOD_METADATA, handler);
    return isHandler ? [{ name, handler }] : [];
  });
}
