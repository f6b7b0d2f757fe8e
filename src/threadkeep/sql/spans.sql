-- fragment: span_columns
-- A thread that is gone, or that this user does not reach, has no id here.
s.span_id, s.name, s.type, s.status, s.parent_id,
  (SELECT t.thread_id FROM /*schema*/threads t
   WHERE t.owner_key = $1::bigint AND t.thread_key BETWEEN s.thread_key AND s.thread_key
     AND t.owner_id IS NOT DISTINCT FROM $2::text AND ($4::text IS NULL OR t.user_id = $4::text)
   ORDER BY t.thread_key LIMIT 1),
  s.user_id, s.run, s.started_at, s.ended_at, s.duration_ms, s.error,
  s.input_tokens, s.output_tokens, s.cached_tokens, s.reasoning_tokens, s.cost::text,
  s.metadata::text, s.input::text, s.output::text

-- fragment: named_span
-- The span of $1 owner_key, $2 owner_id, $3 span_id, $4 user_id, once g has set the owner.
SELECT s.* FROM /*schema*/spans s
WHERE s.owner_key = $1::bigint AND s.owner_id = $2::text
  AND s.span_id BETWEEN $3::text AND $3::text
  AND ($4::text IS NULL OR s.user_id = $4::text) AND g.owner IS NOT NULL
ORDER BY s.span_id LIMIT 1

-- fragment: child_spans
-- The spans right below those of s.
SELECT c.* FROM s CROSS JOIN LATERAL (
    SELECT c.* FROM /*schema*/spans c
    WHERE c.owner_key = $1::bigint AND c.owner_id = $2::text
      AND c.parent_id BETWEEN s.span_id AND s.span_id
    ORDER BY c.parent_id, c.started_at, c.span_id OFFSET 0
  ) c

-- name: span_start
-- Stores a span that runs; no row if its id is taken, or the thread or the parent is unknown.
-- $1 owner_key, $2 owner_id, $3 thread_id or NULL, $4 user_id of the handle, $5 span_id,
-- $6 parent's span_id or NULL, $7 user_id if the handle has none, $8 run, $9 name, $10 type,
-- $11 started_at, $12 metadata, $13 input.
WITH g AS MATERIALIZED (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner
),
x AS MATERIALIZED (
  SELECT t.thread_key, t.user_id AS thread_user, p.span_id AS parent_id, p.user_id AS parent_user
  FROM g LEFT JOIN LATERAL (/*use named_thread*/) t ON true LEFT JOIN LATERAL (
    SELECT s.span_id, s.user_id FROM /*schema*/spans s
    WHERE s.owner_key = $1::bigint AND s.owner_id = $2::text
      AND s.span_id BETWEEN $6::text AND $6::text
      AND ($4::text IS NULL OR s.user_id = $4::text) AND g.owner IS NOT NULL
    ORDER BY s.span_id LIMIT 1
  ) p ON true
)
INSERT INTO /*schema*/spans AS s (
  owner_key, thread_key, started_at, owner_id, span_id, parent_id, user_id, run, name, type, status,
  metadata, input)
SELECT $1::bigint, x.thread_key, coalesce($11::timestamptz, now()), $2::text, $5::text,
       x.parent_id, coalesce($4::text, $7::text, x.thread_user, x.parent_user), $8::text, $9::text,
       $10::text, 'running', $12::text::jsonb, $13::text::json
FROM x
WHERE ($3::text IS NULL OR x.thread_key IS NOT NULL)
  AND ($6::text IS NULL OR x.parent_id IS NOT NULL)
ON CONFLICT (owner_key, owner_id, span_id) DO NOTHING
RETURNING /*use span_columns*/;

-- name: span_get
-- One span by its id.
-- $1 owner_key, $2 owner_id, $3 span_id, $4 user_id.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT /*use span_columns*/ FROM (/*use named_span*/) s
) r;

-- name: span_tree
-- A span and all below it, by when they started.
-- $1 owner_key, $2 owner_id, $3 span_id, $4 user_id.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH RECURSIVE s AS (
    SELECT s.* FROM (/*use named_span*/) s
    UNION ALL
    /*use child_spans*/
    WHERE $4::text IS NULL OR c.user_id = $4::text
  )
  SELECT /*use span_columns*/ FROM s ORDER BY s.started_at, s.span_id
) r;

-- fragment: kept_spans
-- A page of s, which is the rows to look at in order, with the number of each. The last of them is
-- returned even if it does not match (kept is false), so that the next page knows where to go on.
SELECT s.n, s.kept, /*use span_columns*/
FROM (
  SELECT s.*, row_number() OVER () AS n,
         (($3::text IS NULL OR s.thread_key = (SELECT t.thread_key FROM (/*use named_thread*/) t))
          AND ($9::text IS NULL OR s.parent_id = $9::text)
          AND (NOT $10::boolean OR s.parent_id IS NULL)
          AND ($11::text IS NULL OR s.type = $11::text)
          AND ($12::text IS NULL OR s.status = $12::text)
          AND ($13::boolean IS NULL OR (s.status = 'failed') = $13::boolean)
          AND ($14::float8 IS NULL OR s.duration_ms >= $14::float8)
          AND ($15::float8 IS NULL OR s.duration_ms <= $15::float8)) IS TRUE AS kept
  FROM s
) s
WHERE s.kept OR s.n = $17::bigint
LIMIT $16::integer

-- name: spans_newest, spans_oldest reversed
-- A page of an owner's spans by when they started.
-- $1 owner_key, $2 owner_id, $3 thread_id (here and below NULL: any), $4 whose threads can be
-- reached, $5 and $6 the place to start after, $7 from when, $8 before when, $9 parent's span_id,
-- $10 only those without a parent, $11 type, $12 status, $13 whether failed, $14 the least and
-- $15 the most milliseconds, $16 rows to return, $17 rows to look at, $18 whose spans.
-- An equality of owner_id would let the planner take spans_pkey, and read and sort all spans.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH s AS (
    SELECT s.* FROM /*schema*/spans s
    WHERE s.owner_key = $1::bigint AND s.owner_id IS NOT DISTINCT FROM $2::text
      AND ($18::text IS NULL OR s.user_id = $18::text)
      AND (s.started_at, s.span_id) /*past*/< ($5::timestamptz, $6::text)
      AND s.started_at >= $7::timestamptz AND s.started_at < $8::timestamptz
      AND g.owner IS NOT NULL
    ORDER BY s.started_at /*dir*/DESC, s.span_id /*dir*/DESC LIMIT $17::bigint
  )
  /*use kept_spans*/
) r;

-- name: spans_of_user_newest, spans_of_user_oldest reversed
-- The same of one user.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH s AS (
    SELECT s.* FROM /*schema*/spans s
    WHERE s.owner_key = $1::bigint AND s.owner_id IS NOT DISTINCT FROM $2::text
      AND s.user_id BETWEEN $18::text AND $18::text
      AND (s.user_id, s.started_at, s.span_id) /*past*/< ($18::text, $5::timestamptz, $6::text)
      AND s.started_at >= $7::timestamptz AND s.started_at < $8::timestamptz
      AND g.owner IS NOT NULL
    ORDER BY s.user_id /*dir*/DESC, s.started_at /*dir*/DESC, s.span_id /*dir*/DESC
    LIMIT $17::bigint
  )
  /*use kept_spans*/
) r;

-- name: spans_of_thread_newest, spans_of_thread_oldest reversed
-- The same of one thread.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH s AS (
    SELECT s.* FROM (/*use named_thread*/) t CROSS JOIN LATERAL (
      SELECT s.* FROM /*schema*/spans s
      WHERE s.owner_key = $1::bigint AND s.thread_key BETWEEN t.thread_key AND t.thread_key
        AND (s.thread_key, s.started_at, s.span_id) /*past*/<
          (t.thread_key, $5::timestamptz, $6::text)
        AND s.started_at >= $7::timestamptz AND s.started_at < $8::timestamptz
        AND ($18::text IS NULL OR s.user_id = $18::text)
      ORDER BY s.thread_key /*dir*/DESC, s.started_at /*dir*/DESC, s.span_id /*dir*/DESC
      LIMIT $17::bigint
    ) s
  )
  /*use kept_spans*/
) r;

-- name: spans_of_parent_newest, spans_of_parent_oldest reversed
-- The same of one parent.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH s AS (
    SELECT s.* FROM /*schema*/spans s
    WHERE s.owner_key = $1::bigint AND s.owner_id = $2::text
      AND s.parent_id BETWEEN $9::text AND $9::text
      AND (s.parent_id, s.started_at, s.span_id) /*past*/< ($9::text, $5::timestamptz, $6::text)
      AND s.started_at >= $7::timestamptz AND s.started_at < $8::timestamptz
      AND ($18::text IS NULL OR s.user_id = $18::text)
      AND g.owner IS NOT NULL
    ORDER BY s.parent_id /*dir*/DESC, s.started_at /*dir*/DESC, s.span_id /*dir*/DESC
    LIMIT $17::bigint
  )
  /*use kept_spans*/
) r;

-- name: span_lock
-- Locks a span's row for the transaction: its status and metadata, and what tells the transaction
-- from others, as in thread_lock.
-- $1 owner_key, $2 owner_id, $3 span_id, $4 user_id.
SELECT r.*, concat_ws(' ', pg_current_xact_id(), pg_current_wal_insert_lsn(),
                      pg_last_wal_replay_lsn())
FROM (
  SELECT s.status, s.metadata::text FROM /*schema*/spans s
  WHERE s.owner_key = $1::bigint AND s.owner_id = $2::text
    AND s.span_id BETWEEN $3::text AND $3::text
    AND ($4::text IS NULL OR s.user_id = $4::text)
  ORDER BY s.span_id LIMIT 1
  FOR UPDATE
) r;

-- name: span_end
-- Ends a locked span that runs. Its duration is computed where none is given, 0 where the clock
-- went back.
-- $1 owner_key, $2 owner_id, $3 span_id, $4 user_id, $5 status, $6 error, $7 ended_at, $8 duration
-- in milliseconds, $9 output, $10 whether there is metadata, $11 metadata, $12 to $16 what it used.
UPDATE /*schema*/spans s SET
  status = $5::text, error = $6::text, ended_at = coalesce($7::timestamptz, now()),
  duration_ms = coalesce($8::float8, greatest(0::float8,
    extract(epoch FROM coalesce($7::timestamptz, now()) - s.started_at)::float8 * 1000)),
  output = $9::text::json,
  metadata = CASE WHEN $10::boolean THEN $11::text::jsonb ELSE s.metadata END,
  input_tokens = $12::bigint, output_tokens = $13::bigint, cached_tokens = $14::bigint,
  reasoning_tokens = $15::bigint, cost = $16::text::numeric
WHERE s.owner_key = $1::bigint AND s.owner_id = $2::text AND s.span_id = $3::text
  AND s.status = 'running'
RETURNING /*use span_columns*/;

-- name: span_ended_so
-- A locked span, if it has ended just as span_end would end it with these parameters.
SELECT /*use span_columns*/ FROM /*schema*/spans s
WHERE s.owner_key = $1::bigint AND s.owner_id = $2::text
  AND s.span_id BETWEEN $3::text AND $3::text
  AND s.status = $5::text AND s.error IS NOT DISTINCT FROM $6::text
  AND ($7::timestamptz IS NULL OR s.ended_at = $7::timestamptz)
  AND ($8::float8 IS NULL OR s.duration_ms = $8::float8)
  AND s.output::text IS NOT DISTINCT FROM $9::text
  AND (NOT $10::boolean OR s.metadata IS NOT DISTINCT FROM $11::text::jsonb)
  AND s.input_tokens IS NOT DISTINCT FROM $12::bigint
  AND s.output_tokens IS NOT DISTINCT FROM $13::bigint
  AND s.cached_tokens IS NOT DISTINCT FROM $14::bigint
  AND s.reasoning_tokens IS NOT DISTINCT FROM $15::bigint
  AND s.cost IS NOT DISTINCT FROM $16::text::numeric
ORDER BY s.span_id LIMIT 1;

-- name: spans_record
-- Stores many spans that have ended elsewhere, in one statement, with their parents; ends those that
-- run. A row for each that it stored or ended; none for one that had ended before or is another
-- user's. A parent of another user is left out. Parents come in any order: the foreign key is
-- checked at the end. 23502, a missing name: a span that runs would get another parent.
-- $1 owner_key, $2 owner_id, $3 user_id of the handle, $4 the spans as JSON in the order in which they
-- are locked, with one that runs for each parent that is not among them, $5 whether one that runs may
-- get another parent.
WITH g AS MATERIALIZED (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner
),
n AS MATERIALIZED (
  SELECT n.* FROM g CROSS JOIN LATERAL json_to_recordset($4::text::json) AS n (
    span_id text, parent_id text, thread_id text, user_id text, run text, name text, type text,
    status text, error text, started_at timestamptz, ended_at timestamptz, duration_ms float8,
    input_tokens bigint, output_tokens bigint, cached_tokens bigint, reasoning_tokens bigint,
    cost numeric, metadata text, input text, output text)
),
x AS MATERIALIZED (
  SELECT n.*, t.thread_key, t.user_id AS thread_user,
         CASE WHEN p.span_id IS NULL THEN n.parent_id END AS parent
  FROM n LEFT JOIN LATERAL (
    SELECT t.thread_key, t.user_id FROM /*schema*/threads t
    WHERE t.owner_key = $1::bigint AND t.owner_id = $2::text
      AND t.thread_id BETWEEN n.thread_id AND n.thread_id
      AND ($3::text IS NULL OR t.user_id = $3::text)
    ORDER BY t.thread_id LIMIT 1
  ) t ON true LEFT JOIN LATERAL (
    SELECT s.span_id FROM /*schema*/spans s
    WHERE s.owner_key = $1::bigint AND s.owner_id = $2::text
      AND s.span_id BETWEEN n.parent_id AND n.parent_id
      AND $3::text IS NOT NULL AND s.user_id IS DISTINCT FROM $3::text
    ORDER BY s.span_id LIMIT 1
  ) p ON true
)
INSERT INTO /*schema*/spans AS s (
  owner_key, thread_key, started_at, ended_at, duration_ms, owner_id, span_id, parent_id, user_id,
  run, name, type, status, error, input_tokens, output_tokens, cached_tokens, reasoning_tokens, cost,
  metadata, input, output)
SELECT $1::bigint, x.thread_key, x.started_at, x.ended_at, x.duration_ms, $2::text, x.span_id,
       x.parent, coalesce($3::text, x.user_id, x.thread_user), x.run, x.name, x.type, x.status,
       x.error, x.input_tokens, x.output_tokens, x.cached_tokens, x.reasoning_tokens, x.cost,
       x.metadata::jsonb, x.input::json, x.output::json
FROM x
ON CONFLICT (owner_key, owner_id, span_id) DO UPDATE SET
  thread_key = coalesce(excluded.thread_key, s.thread_key),
  started_at = excluded.started_at, ended_at = excluded.ended_at,
  duration_ms = excluded.duration_ms,
  parent_id = coalesce(excluded.parent_id, s.parent_id),
  user_id = coalesce(excluded.user_id, s.user_id),
  run = coalesce(excluded.run, s.run),
  name = CASE WHEN $5::boolean OR excluded.parent_id IS NULL OR s.parent_id = excluded.parent_id
              THEN excluded.name END,
  type = excluded.type, status = excluded.status, error = excluded.error,
  input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens,
  cached_tokens = excluded.cached_tokens, reasoning_tokens = excluded.reasoning_tokens,
  cost = excluded.cost, metadata = coalesce(excluded.metadata, s.metadata),
  input = coalesce(excluded.input, s.input), output = excluded.output
WHERE s.status = 'running' AND excluded.status <> 'running'
  AND ($3::text IS NULL OR s.user_id = $3::text)
RETURNING s.span_id;

-- name: spans_known
-- Which of some spans are stored here.
-- $1 owner_key, $2 owner_id, $3 user_id or NULL for all users, $4 span_ids.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT s.span_id FROM unnest($4::text[]) AS n (span_id) CROSS JOIN LATERAL (
    SELECT s.span_id FROM /*schema*/spans s
    WHERE s.owner_key = $1::bigint AND s.owner_id = $2::text
      AND s.span_id BETWEEN n.span_id AND n.span_id
      AND ($3::text IS NULL OR s.user_id = $3::text) AND g.owner IS NOT NULL
    ORDER BY s.span_id LIMIT 1
  ) s
) r;

-- name: spans_hold
-- Lets one caller at a time give spans of an owner other parents, until the transaction ends.
-- $1 owner_key.
SELECT true FROM pg_advisory_xact_lock(hashtextextended('threadkeep.spans', $1::bigint)) l;

-- name: spans_above
-- Some spans and all above them, each once: its parent, and whether it runs.
-- $1 owner_key, $2 owner_id, $3 span_ids, $4 how many at the most.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH RECURSIVE a AS (
    SELECT s.* FROM unnest($3::text[]) AS n (span_id) CROSS JOIN LATERAL (
      SELECT s.span_id, s.parent_id, s.status FROM /*schema*/spans s
      WHERE s.owner_key = $1::bigint AND s.owner_id = $2::text
        AND s.span_id BETWEEN n.span_id AND n.span_id AND g.owner IS NOT NULL
      ORDER BY s.span_id LIMIT 1
    ) s
    UNION
    SELECT s.* FROM a CROSS JOIN LATERAL (
      SELECT s.span_id, s.parent_id, s.status FROM /*schema*/spans s
      WHERE s.owner_key = $1::bigint AND s.owner_id = $2::text
        AND s.span_id BETWEEN a.parent_id AND a.parent_id
      ORDER BY s.span_id LIMIT 1
    ) s
  )
  SELECT a.span_id, a.parent_id, a.status = 'running' FROM a LIMIT $4::integer
) r;

-- name: span_delete
-- Deletes a locked span and all below it, whoever's they are. All at once: left to the foreign key,
-- each level would delete the next inside its own statement, and a deep tree exhaust the stack.
-- $1 owner_key, $2 owner_id, $3 span_id.
WITH RECURSIVE s AS (
  SELECT s.* FROM /*schema*/spans s
  WHERE s.owner_key = $1::bigint AND s.owner_id = $2::text AND s.span_id = $3::text
  UNION ALL
  /*use child_spans*/
)
DELETE FROM /*schema*/spans d
WHERE d.owner_key = $1::bigint AND d.owner_id = $2::text
  AND d.span_id = ANY (ARRAY(SELECT s.span_id FROM s))
RETURNING d.span_id;
