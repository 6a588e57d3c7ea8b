import { type DynamicModule, Module } from '@nestjs/common';
import { RuntimeModule } from '#libs/runtime';
import { StandingsModule } from '#libs/tenancy';
import type { ReaderParts } from './messages.js';
import { ReadersApart } from './reads-apart.js';
import { ReadingApart, ReadingApartParts } from './reading-apart.js';

/** For a process that serves calls and the control plane: people's lists and reports are read in a process of their own. */
@Module({})
export class ReadingApartModule {
  static of(parts: ReaderParts): DynamicModule {
    return {
      module: ReadingApartModule,
      imports: [RuntimeModule, StandingsModule],
      providers: [
        { provide: ReadingApartParts, useValue: new ReadingApartParts(parts) },
        ReadingApart,
        ReadersApart,
      ],
    };
  }
}
