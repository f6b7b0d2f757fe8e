-- name: schema
-- The floor's tables, as performance.md has them. `listed` holds what a list of threads shows
-- besides, and stands apart so that an append writes no more than the floor's own columns.
CREATE SCHEMA floor;
CREATE TABLE floor.threads (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id text, public_id text,
  last_seq bigint NOT NULL, updated_at timestamptz DEFAULT now(), UNIQUE (user_id, public_id));
CREATE INDEX ON floor.threads (user_id, updated_at DESC);
CREATE TABLE floor.messages (
  thread_id bigint REFERENCES floor.threads (id) ON DELETE CASCADE, seq bigint, id uuid,
  role smallint, created_at timestamptz DEFAULT now(), payload jsonb,
  PRIMARY KEY (thread_id, seq), UNIQUE (thread_id, id));
CREATE INDEX ON floor.messages (thread_id, seq) WHERE role = 0;
CREATE TABLE floor.listed (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id text, public_id text, title text,
  status text NOT NULL, metadata jsonb, last_seq bigint NOT NULL,
  created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(),
  UNIQUE (user_id, public_id));
CREATE INDEX ON floor.listed (user_id, updated_at DESC);
GRANT USAGE ON SCHEMA floor TO threadkeep_app;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA floor TO threadkeep_app;
CREATE EXTENSION pg_stat_statements;

-- name: append
-- $1 user, $2 thread, $3 how many, then an array for each column.
WITH t AS (INSERT INTO floor.threads AS t (user_id, public_id, last_seq) VALUES ($1, $2, $3)
           ON CONFLICT (user_id, public_id) DO UPDATE
           SET last_seq = t.last_seq + excluded.last_seq, updated_at = now()
           RETURNING id, last_seq - $3 AS base)
INSERT INTO floor.messages (thread_id, seq, id, role, payload)
SELECT t.id, t.base + m.n, m.id, m.role, m.payload
FROM t, unnest($4::uuid[], $5::int2[], $6::jsonb[]) WITH ORDINALITY AS m(id, role, payload, n)
RETURNING seq;

-- name: append_many
-- New threads with as many messages each. $1 user, $2 threads, $3 how many each, then an array for
-- each column, first the thread and the place in it.
WITH t AS (INSERT INTO floor.threads AS t (user_id, public_id, last_seq)
           SELECT $1, x, $3 FROM unnest($2::text[]) x
           ON CONFLICT (user_id, public_id) DO UPDATE
           SET last_seq = t.last_seq + excluded.last_seq, updated_at = now()
           RETURNING id, public_id, last_seq - $3 AS base)
INSERT INTO floor.messages (thread_id, seq, id, role, payload)
SELECT t.id, t.base + m.n, m.id, m.role, m.payload
FROM unnest($4::text[], $5::int8[], $6::uuid[], $7::int2[], $8::jsonb[])
  AS m(thread, n, id, role, payload) JOIN t ON t.public_id = m.thread
RETURNING thread_id, seq;

-- name: window
-- The correlated form, without row-level security. $1 user, $2 thread, $3 turns.
SELECT m.seq, m.id, m.role, m.created_at, m.payload
FROM floor.threads t JOIN floor.messages m ON m.thread_id = t.id AND m.seq >= coalesce(
  (SELECT x.seq FROM floor.messages x WHERE x.thread_id = t.id AND x.role = 0
   ORDER BY x.seq DESC OFFSET $3 - 1 LIMIT 1), 0)
WHERE t.user_id = $1 AND t.public_id = $2 ORDER BY m.seq;

-- name: threads
-- A page of threads with what a list shows. $1 user, $2 how many.
SELECT public_id, title, status, metadata, last_seq, created_at, updated_at
FROM floor.listed WHERE user_id = $1 ORDER BY updated_at DESC LIMIT $2;

-- name: threads_bare
-- The same with the columns of performance.md's own table only. $1 user, $2 how many.
SELECT public_id, last_seq, updated_at
FROM floor.threads WHERE user_id = $1 ORDER BY updated_at DESC LIMIT $2;

-- name: hot
-- What a thread holds, by seq, for the check of the writers. $1 user, $2 thread.
SELECT m.id::text FROM floor.threads t JOIN floor.messages m ON m.thread_id = t.id
WHERE t.user_id = $1 AND t.public_id = $2 ORDER BY m.seq;

-- name: fill_listed
-- Threads for the list. $1 user, $2 how many.
INSERT INTO floor.listed (user_id, public_id, title, status, metadata, last_seq, updated_at)
SELECT $1::text, 'thread-' || n, 'A thread about ' || n, 'active',
       jsonb_build_object('model', 'some-model', 'starred', false), 2,
       now() + n * interval '1 millisecond'
FROM generate_series(1, $2::integer) n;

-- name: fill_threads
-- The same for the bare list. $1 user, $2 how many.
INSERT INTO floor.threads (user_id, public_id, last_seq, updated_at)
SELECT $1::text, 'thread-' || n, 2, now() + n * interval '1 millisecond'
FROM generate_series(1, $2::integer) n;

-- name: calls
-- How many statements the app's role has run here. No parameters.
SELECT coalesce(sum(s.calls), 0)::bigint FROM pg_stat_statements s
JOIN pg_database d ON d.oid = s.dbid JOIN pg_roles r ON r.oid = s.userid
WHERE d.datname = current_database() AND r.rolname = 'threadkeep_app';

-- name: written
-- WAL bytes of the statements that insert into a table; %s is its name in the text.
SELECT coalesce(sum(s.wal_bytes), 0)::bigint FROM pg_stat_statements s
JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = current_database() AND position(%s IN s.query) > 0;

-- name: stored
-- Bytes of a table with its indexes and TOAST, per row as VACUUM counted them; %s is the table.
SELECT pg_total_relation_size(%s::regclass) / reltuples::float8 FROM pg_class
WHERE oid = %s::regclass;

-- name: server
-- What the server is and how durable. No parameters.
SELECT name, setting FROM pg_settings WHERE name IN (
  'server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums',
  'shared_buffers', 'wal_sync_method', 'jit') ORDER BY name;
