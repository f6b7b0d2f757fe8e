-- fragment: totals
-- The rows of x, summed by their key. Sums of nothing but NULL are NULL.
SELECT x.key, count(*), sum(x.input_tokens)::text, sum(x.output_tokens)::text,
       sum(x.cached_tokens)::text, sum(x.reasoning_tokens)::text, sum(x.cost)::text
FROM x GROUP BY x.key

-- fragment: run_totals
-- Sums of the runs r of the threads t.
x AS (
    SELECT CASE $7::text WHEN 'run' THEN r.run_id WHEN 'thread' THEN t.thread_id
                         WHEN 'user' THEN t.user_id
                         WHEN 'day' THEN to_char(r.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')
           END AS key,
           r.input_tokens, r.output_tokens, r.cached_tokens, r.reasoning_tokens, r.cost
    FROM t JOIN /*schema*/runs r ON r.owner_key = $1::bigint AND r.thread_key = t.thread_key
    WHERE r.started_at >= $5::timestamptz AND r.started_at < $6::timestamptz
  )
  /*use totals*/

-- name: runs_totals
-- What the runs of an owner used together.
-- $1 owner_key, $2 owner_id, $3 thread_id (here and below NULL: any), $4 user_id, $5 from when they
-- started, $6 before when, $7 what to keep apart by.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH t AS (
    SELECT t.thread_key, t.thread_id, t.user_id FROM /*schema*/threads t
    WHERE t.owner_key = $1::bigint AND t.owner_id IS NOT DISTINCT FROM $2::text
      AND ($3::text IS NULL OR t.thread_id = $3::text)
      AND ($4::text IS NULL OR t.user_id = $4::text) AND g.owner IS NOT NULL
  ),
  /*use run_totals*/
) r;

-- name: runs_totals_of_user
-- The same of the threads of one user.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH t AS (
    SELECT t.thread_key, t.thread_id, t.user_id FROM /*schema*/threads t
    WHERE t.owner_key = $1::bigint AND t.owner_id IS NOT DISTINCT FROM $2::text
      AND ($3::text IS NULL OR t.thread_id = $3::text)
      AND t.user_id = $4::text AND g.owner IS NOT NULL
  ),
  /*use run_totals*/
) r;

-- name: runs_totals_of_thread
-- The same of one thread.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH t AS (SELECT t.thread_key, t.thread_id, t.user_id FROM (/*use named_thread*/) t),
  /*use run_totals*/
) r;

-- fragment: span_totals
-- Sums of the spans s.
x AS (
    SELECT CASE $7::text WHEN 'run' THEN s.run WHEN 'thread' THEN t.thread_id
                         WHEN 'user' THEN s.user_id
                         WHEN 'day' THEN to_char(s.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')
           END AS key,
           s.input_tokens, s.output_tokens, s.cached_tokens, s.reasoning_tokens, s.cost
    FROM s LEFT JOIN /*schema*/threads t
      ON t.owner_key = $1::bigint AND t.thread_key = s.thread_key
      AND t.owner_id IS NOT DISTINCT FROM $2::text
      AND ($4::text IS NULL OR t.user_id = $4::text)
    WHERE ($3::text IS NULL OR t.thread_id = $3::text) AND ($8::text IS NULL OR s.type = $8::text)
  )
  /*use totals*/

-- name: spans_totals
-- What the spans of an owner used together.
-- $1 to $7 as in runs_totals, $8 type, $9 whose spans, where $4 is whose threads can be reached.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH s AS (
    SELECT s.* FROM /*schema*/spans s
    WHERE s.owner_key = $1::bigint AND s.owner_id IS NOT DISTINCT FROM $2::text
      AND s.started_at >= $5::timestamptz AND s.started_at < $6::timestamptz
      AND ($9::text IS NULL OR s.user_id = $9::text) AND g.owner IS NOT NULL
  ),
  /*use span_totals*/
) r;

-- name: spans_totals_of_user
-- The same of one user. The ranges and their order leave the planner only the index that has both.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH s AS (
    SELECT s.* FROM /*schema*/spans s
    WHERE s.owner_key = $1::bigint AND s.owner_id IS NOT DISTINCT FROM $2::text
      AND s.user_id BETWEEN $9::text AND $9::text
      AND (s.user_id, s.started_at) >= ($9::text, $5::timestamptz)
      AND (s.user_id, s.started_at) < ($9::text, $6::timestamptz)
      AND g.owner IS NOT NULL
    ORDER BY s.user_id, s.started_at, s.span_id OFFSET 0
  ),
  /*use span_totals*/
) r;

-- name: spans_totals_of_thread
-- The same of one thread.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH s AS (
    SELECT s.* FROM (/*use named_thread*/) t CROSS JOIN LATERAL (
      SELECT s.* FROM /*schema*/spans s
      WHERE s.owner_key = $1::bigint AND s.thread_key BETWEEN t.thread_key AND t.thread_key
        AND (s.thread_key, s.started_at) >= (t.thread_key, $5::timestamptz)
        AND (s.thread_key, s.started_at) < (t.thread_key, $6::timestamptz)
        AND ($9::text IS NULL OR s.user_id = $9::text)
      ORDER BY s.thread_key, s.started_at, s.span_id OFFSET 0
    ) s
  ),
  /*use span_totals*/
) r;
