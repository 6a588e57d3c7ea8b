import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What makes the product's word checkable: a chained audit trail, replicas that acknowledge, prompts and erasures kept apart. */
export class Trust1700000000007 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(AUDIT);
    await runner.query(REPLICAS);
    await runner.query(PRIVACY);
    await runner.query(PARTITIONS);
  }

  /** A chain that was taken apart proves nothing any more. */
  async down(): Promise<void> {
    throw new Error('The audit chain cannot be undone.');
  }
}

/**
 * Rows of an earlier release keep what they said in `audit_values`, under `earlier`; whoever seals first gives them their
 * record. `record` is text and not jsonb, because it is hashed as it stands.
 */
const AUDIT = `
CREATE TABLE audit_values (
  event_id text PRIMARY KEY,
  items jsonb NOT NULL
);
INSERT INTO audit_values (event_id, items)
  SELECT id, jsonb_build_object('earlier', jsonb_build_object('before', before, 'after', after)) FROM audit_events;

ALTER TABLE audit_events
  DROP COLUMN before,
  DROP COLUMN after,
  ADD COLUMN chain text NOT NULL DEFAULT 'changes' CHECK (chain IN ('changes', 'access')),
  ADD COLUMN record text,
  ADD COLUMN mac text,
  ADD COLUMN seq bigint,
  ADD COLUMN hash text;
CREATE UNIQUE INDEX audit_events_chain_key ON audit_events (chain, seq) WHERE seq IS NOT NULL;
CREATE INDEX audit_events_unsealed_idx ON audit_events (at) WHERE seq IS NULL;
CREATE INDEX audit_events_actor_idx ON audit_events (actor_user_id, at DESC) WHERE actor_user_id IS NOT NULL;

CREATE TABLE audit_checkpoints (
  chain text NOT NULL,
  seq bigint NOT NULL,
  hash text NOT NULL,
  at timestamptz NOT NULL,
  key_id text NOT NULL,
  signature text NOT NULL,
  PRIMARY KEY (chain, seq)
);
`;

/** `applied_below` and `applied_seqs` together say which changes a replica has applied: see `ChangeMark`. */
const REPLICAS = `
ALTER TABLE proxy_instances
  ADD COLUMN lease_until timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN applied_below bigint NOT NULL DEFAULT 0,
  ADD COLUMN applied_seqs bigint[] NOT NULL DEFAULT '{}';
`;

const PRIVACY = `
CREATE TABLE logged_prompts (
  day date NOT NULL,
  id text NOT NULL,
  request_id text NOT NULL,
  at timestamptz NOT NULL,
  key_id text,
  user_id text,
  customer_id text,
  request text NOT NULL,
  response text NOT NULL,
  was_cut boolean NOT NULL DEFAULT false,
  PRIMARY KEY (day, id)
) PARTITION BY RANGE (day);
CREATE INDEX logged_prompts_request_id_idx ON logged_prompts (request_id);

CREATE TABLE privacy_erasures (
  id text PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  kind text NOT NULL CHECK (kind IN ('user', 'customer')),
  subject_commitment text NOT NULL,
  stand_in text NOT NULL,
  counts jsonb NOT NULL
);
`;

/** As `ensure_ledger_partitions`, for every table that is partitioned by day. */
const PARTITIONS = `
CREATE FUNCTION ensure_day_partitions(parent text, from_day date, days integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  one_day date;
  partition text;
  made integer := 0;
BEGIN
  FOR one_day IN SELECT from_day + n FROM generate_series(0, days - 1) AS n LOOP
    partition := parent || '_' || to_char(one_day, 'YYYYMMDD');
    CONTINUE WHEN to_regclass(partition) IS NOT NULL;
    PERFORM pg_advisory_xact_lock(hashtextextended('tollgate.partitions.' || parent, 0));
    CONTINUE WHEN EXISTS (
      SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = parent::regclass AND c.relname = partition
    );
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', partition, parent);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, partition, one_day, one_day + 1);
    made := made + 1;
  END LOOP;
  RETURN made;
END
$$;
`;
