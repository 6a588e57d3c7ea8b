import { Injectable, type OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { routesOf } from '#libs/rbac';
import { ReadingApart } from './reading-apart.js';

/** Which controllers have a process that reads for them. */
const READERS = new WeakMap<object, ReadingApart>();
const APART = new Set<new (...args: never[]) => object>();

const HANDLERS: (readonly [controller: string, handler: string])[] = [];

type Handler = (this: object, ...args: unknown[]) => unknown;

/**
 * A controller whose handlers, or those named, only read, and much. Where there is a reading process they run there, with what
 * Nest's guards and pipes made of the request here; `readingControllers` puts the same controller together there.
 */
export function ReadsApart(...handlers: readonly string[]): ClassDecorator {
  return (target) => {
    APART.add(target as unknown as new () => object);
    const prototype = target.prototype as Record<string, unknown>;
    for (const name of handlers.length > 0 ? handlers : Object.getOwnPropertyNames(prototype)) {
      const here = prototype[name];
      if (typeof here === 'function' && routesOf(here) !== undefined)
        prototype[name] = elsewhere(target.name, name, here as Handler);
      else if (handlers.length > 0) throw new Error(`${target.name}.${name} handles no route.`);
    }
  };
}

function elsewhere(controller: string, name: string, here: Handler): Handler {
  HANDLERS.push([controller, name]);
  const handler: Handler = function (...args) {
    return READERS.get(this)?.answer(controller, name, args) ?? here.apply(this, args);
  };
  // What decorators said of the handler is known by its function.
  for (const key of Reflect.getMetadataKeys(here))
    Reflect.defineMetadata(key, Reflect.getMetadata(key, here), handler);
  return handler;
}

/** Gives every such controller of this process the reader. */
@Injectable()
export class ReadersApart implements OnModuleInit {
  constructor(
    private readonly module: ModuleRef,
    private readonly reading: ReadingApart,
  ) {}

  onModuleInit(): void {
    for (const controller of APART) READERS.set(this.module.get(controller, { strict: false }), this.reading);
  }
}

/** All handlers that are read apart: controller and method. */
export function handlersApart(): readonly (readonly [controller: string, handler: string])[] {
  return HANDLERS;
}
