import { type DynamicModule, Module } from '@nestjs/common';
import { RuntimeModule } from '#libs/runtime';
import { StandingsModule } from '#libs/tenancy';
import type { ThreadParts } from './messages.js';
import { ReadersApart } from './reads-apart.js';
import { ReadingThread, ReadingThreadParts } from './reading-thread.js';

/** For a process that serves calls and the control plane: people's lists and reports are read in a thread of their own. */
@Module({})
export class ReadingThreadModule {
  static of(parts: ThreadParts): DynamicModule {
    return {
      module: ReadingThreadModule,
      imports: [RuntimeModule, StandingsModule],
      providers: [
        { provide: ReadingThreadParts, useValue: new ReadingThreadParts(parts) },
        ReadingThread,
        ReadersApart,
      ],
    };
  }
}
