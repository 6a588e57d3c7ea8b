import type { MigrationInterface, QueryRunner } from 'typeorm';
import { RAISE_TENANCY_WALL } from './tenancy-policies.js';

/**
 * The functions that make the second wall of tenancy. The wall itself is raised after all migrations (`runMigrations`), because
 * it covers tables of later ones too.
 */
export class TenancyWall1700000000006 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(RAISE_TENANCY_WALL);
  }

  async down(): Promise<void> {
    throw new Error('The wall between tenants is not taken down.');
  }
}
