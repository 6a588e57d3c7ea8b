import { Injectable } from '@nestjs/common';
import { readAs } from '#libs/database';
import { DataSource, type EntityManager } from 'typeorm';
import type { View } from './view.js';

const REPORTS = { system: 'reports' };

/** Reads for people: on connections of their own, and behind the wall of whoever does not see everything. */
@Injectable()
export class Reading {
  constructor(private readonly dataSource: DataSource) {}

  /** The caller says what a row is. */
  query<Row>(view: View, sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    return this.with(view, async (manager) => {
      const rows: Row[] = await manager.query(sql, [...parameters]);
      return rows;
    });
  }

  /** One statement after the other. */
  with<T>(view: View, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return readAs(this.dataSource, view.reader ?? REPORTS, work);
  }
}
