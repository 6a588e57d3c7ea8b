import type { MigrationInterface, QueryRunner } from 'typeorm';

const named = (home: string): string => `
CREATE OR REPLACE FUNCTION person_named(of_id text, of_email text) RETURNS TABLE (id text, "organizationId" text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
  SELECT u.id, ${home} FROM users u WHERE u.id = of_id OR (of_id IS NULL AND lower(u.email) = lower(of_email))
$$;
`;

/**
 * Where somebody belongs who was made by nobody's organization: to one that he is a member of, and who administers or reads the whole proxy
 * to none that there is ('').
 */
export class PeopleElsewhere1700000000029 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      named(`coalesce(u.organization_id, (SELECT min(m.organization_id) FROM organization_members m WHERE m.user_id = u.id),
                  CASE WHEN u.role LIKE 'proxy%' THEN '' END)`),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(named('u.organization_id'));
  }
}
