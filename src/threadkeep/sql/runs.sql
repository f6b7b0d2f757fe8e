-- fragment: run_status
-- How a run stands: one that still says running, but whose lease has passed, was interrupted.
CASE WHEN r.status = 'running' AND r.lease_until <= now() THEN 'interrupted' ELSE r.status END

-- fragment: message_status
-- How a message stands: one that is still running stands as its run does.
CASE WHEN m.status <> 'running' OR m.run IS NULL THEN m.status ELSE coalesce((
    SELECT /*use run_status*/ FROM /*schema*/runs r
    WHERE r.owner_key = $1::bigint AND r.thread_key = m.thread_key
      AND r.run_id BETWEEN m.run AND m.run
    ORDER BY r.run_id LIMIT 1), 'interrupted') END

-- fragment: run_columns
r.run_id, /*use run_status*/, r.started_at,
  CASE WHEN r.lease_until <= now() THEN coalesce(r.ended_at, r.lease_until) ELSE r.ended_at END,
  r.lease_until, r.exclusive, r.input_tokens, r.output_tokens, r.cached_tokens, r.reasoning_tokens,
  r.cost::text

-- name: run_begin
-- Begins a run, or renews the lease of one that this call began before; makes the thread if it is
-- new. No row: the thread is another user's, or locked or closed, an exclusive run holds it, or the
-- run has ended.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id, $5 run_id, $6 seconds of the lease,
-- $7 whether it is exclusive, $8 whether the thread may be locked or closed.
WITH g AS MATERIALIZED (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner
),
t AS (
  INSERT INTO /*schema*/threads AS t (
    owner_key, next_seq, structure, revision, message_count, created_at, updated_at, active_at,
    turns, owner_id, thread_id, user_id, status, live_run, live_until)
  SELECT $1::bigint, 1, 0, 0, 0, now(), now(), now(), 0, $2::text, $3::text, $4::text, 'active',
         CASE WHEN $7::boolean THEN $5::text END,
         CASE WHEN $7::boolean THEN now() + make_interval(secs => $6::float8) END
  FROM g
  ON CONFLICT (owner_key, owner_id, thread_id) DO UPDATE SET
    live_run = coalesce(excluded.live_run, t.live_run),
    live_until = CASE WHEN $7::boolean THEN excluded.live_until ELSE t.live_until END,
    updated_at = excluded.updated_at
  WHERE ($4::text IS NULL OR t.user_id = $4::text) AND (t.access IS NULL OR $8::boolean)
    -- Its own while that lasts, or another's that has passed.
    AND (NOT $7::boolean OR t.live_run IS NULL
         OR (t.live_run = excluded.live_run) = (t.live_until > excluded.updated_at))
  RETURNING t.thread_key
)
INSERT INTO /*schema*/runs AS r (
  owner_key, thread_key, started_at, renewed_at, lease_until, exclusive, run_id, status)
SELECT $1::bigint, t.thread_key, now(), now(), now() + make_interval(secs => $6::float8),
       $7::boolean, $5::text, 'running'
FROM t
ON CONFLICT (owner_key, thread_key, run_id) DO UPDATE SET
  renewed_at = excluded.renewed_at, lease_until = excluded.lease_until
WHERE r.status = 'running' AND r.lease_until > excluded.renewed_at
RETURNING r.run_id;

-- name: run_standing
-- Why a run was refused: the run that holds the thread, how the given one stands, and whether the
-- thread is locked or closed.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id, $5 run_id.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT CASE WHEN t.live_until > now() THEN t.live_run END,
    (SELECT /*use run_status*/ FROM /*schema*/runs r
     WHERE r.owner_key = $1::bigint AND r.thread_key = t.thread_key
       AND r.run_id BETWEEN $5::text AND $5::text
     ORDER BY r.run_id LIMIT 1),
    t.access
  FROM (/*use named_thread*/) t
) r;

-- name: run_get
-- One run by its id.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id, $5 run_id.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT /*use run_columns*/
  FROM (/*use named_thread*/) t CROSS JOIN LATERAL (
    SELECT r.* FROM /*schema*/runs r
    WHERE r.owner_key = $1::bigint AND r.thread_key = t.thread_key
      AND r.run_id BETWEEN $5::text AND $5::text
    ORDER BY r.run_id LIMIT 1
  ) r
) r;

-- name: runs_newest, runs_oldest reversed
-- A page of a thread's runs by when they started.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id, $5 and $6 the place to start after, $7 rows.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT /*use run_columns*/
  FROM (/*use named_thread*/) t CROSS JOIN LATERAL (
    SELECT r.* FROM /*schema*/runs r
    WHERE r.owner_key = $1::bigint AND r.thread_key = t.thread_key
      AND (r.started_at, r.run_id) /*past*/< ($5::timestamptz, $6::text)
    ORDER BY r.started_at /*dir*/DESC, r.run_id /*dir*/DESC LIMIT $7::integer
  ) r
) r;

-- name: thread_usage
-- What the ended runs of a thread used together.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT t.input_tokens, t.output_tokens, t.cached_tokens, t.reasoning_tokens, t.cost::text
  FROM (/*use named_thread*/) t
) r;

-- name: run_renew
-- Renews the lease of a run of a locked thread; no row if the run has lost it.
-- $1 owner_key, $2 thread_key, $3 run_id, $4 seconds of the lease.
WITH renewed AS (
  UPDATE /*schema*/runs r SET
    renewed_at = now(), lease_until = now() + make_interval(secs => $4::float8)
  WHERE r.owner_key = $1::bigint AND r.thread_key = $2::bigint AND r.run_id = $3::text
    AND r.status = 'running' AND r.lease_until > now()
  RETURNING r.run_id, r.lease_until
),
held AS (
  UPDATE /*schema*/threads t SET live_until = n.lease_until FROM renewed n
  WHERE t.owner_key = $1::bigint AND t.thread_key = $2::bigint AND t.live_run = n.run_id
  RETURNING t.thread_key
)
SELECT n.run_id FROM renewed n;

-- fragment: added_usage
-- The sums of the thread t with what the run e used. What nobody said stays NULL, and no sum is
-- more than it can hold: that would refuse the run.
input_tokens = coalesce(
    t.input_tokens
      - greatest(0, t.input_tokens - (9223372036854775807 - e.input_tokens))
      + e.input_tokens,
    t.input_tokens, e.input_tokens),
  output_tokens = coalesce(
    t.output_tokens
      - greatest(0, t.output_tokens - (9223372036854775807 - e.output_tokens))
      + e.output_tokens,
    t.output_tokens, e.output_tokens),
  cached_tokens = coalesce(
    t.cached_tokens
      - greatest(0, t.cached_tokens - (9223372036854775807 - e.cached_tokens))
      + e.cached_tokens,
    t.cached_tokens, e.cached_tokens),
  reasoning_tokens = coalesce(
    t.reasoning_tokens
      - greatest(0, t.reasoning_tokens - (9223372036854775807 - e.reasoning_tokens))
      + e.reasoning_tokens,
    t.reasoning_tokens, e.reasoning_tokens),
  cost = coalesce(t.cost + e.cost, t.cost, e.cost)

-- name: run_end
-- Ends a run of a locked thread, adds what it used to the thread's totals and lets the thread go; no
-- row if the run has lost its lease.
-- $1 owner_key, $2 thread_key, $3 run_id, $4 status, $5 to $9 what it used.
WITH ended AS (
  UPDATE /*schema*/runs r SET
    status = $4::text, ended_at = now(), input_tokens = $5::bigint, output_tokens = $6::bigint,
    cached_tokens = $7::bigint, reasoning_tokens = $8::bigint, cost = $9::text::numeric
  WHERE r.owner_key = $1::bigint AND r.thread_key = $2::bigint AND r.run_id = $3::text
    AND r.status = 'running' AND r.lease_until > now()
  RETURNING r.*
)
UPDATE /*schema*/threads t SET
  live_until = CASE WHEN t.live_run = e.run_id THEN NULL ELSE t.live_until END,
  live_run = nullif(t.live_run, e.run_id),
  /*use added_usage*/,
  updated_at = e.ended_at
FROM ended e
WHERE t.owner_key = $1::bigint AND t.thread_key = $2::bigint
RETURNING t.thread_key;

-- name: run_record
-- Stores a run of a locked thread that has ended elsewhere, and adds what it used to the thread's
-- sums; no row if there is a run of that id. It never ends before it starts.
-- $1 owner_key, $2 thread_key, $3 run_id, $4 status, $5 to $9 what it used, $10 started_at (NULL:
-- when it ended), $11 ended_at (NULL: now).
WITH e AS (
  INSERT INTO /*schema*/runs AS r (
    owner_key, thread_key, started_at, renewed_at, lease_until, ended_at, exclusive, run_id, status,
    input_tokens, output_tokens, cached_tokens, reasoning_tokens, cost)
  SELECT $1::bigint, $2::bigint, x.started_at, x.ended_at, x.ended_at, x.ended_at, false, $3::text,
         $4::text, $5::bigint, $6::bigint, $7::bigint, $8::bigint, $9::text::numeric
  FROM (
    SELECT coalesce($10::timestamptz, $11::timestamptz, now()) AS started_at,
           coalesce($11::timestamptz, greatest(now(), $10::timestamptz)) AS ended_at
    FROM /*schema*/threads t WHERE t.owner_key = $1::bigint AND t.thread_key = $2::bigint
  ) x
  ON CONFLICT (owner_key, thread_key, run_id) DO NOTHING
  RETURNING r.*
),
counted AS (
  UPDATE /*schema*/threads t SET
    /*use added_usage*/,
    updated_at = now()
  FROM e
  WHERE t.owner_key = $1::bigint AND t.thread_key = $2::bigint
  RETURNING t.thread_key
)
SELECT /*use run_columns*/ FROM e r;

-- name: runs_reap
-- Writes down which runs were interrupted, of all owners; for the admin role.
-- $1 how many at the most.
WITH lapsed AS (
  SELECT r.owner_key, r.thread_key, r.run_id FROM /*schema*/runs r
  WHERE r.status = 'running' AND r.lease_until <= now()
  LIMIT $1::integer
)
UPDATE /*schema*/runs r SET status = 'interrupted', ended_at = r.lease_until
FROM lapsed l
WHERE r.owner_key = l.owner_key AND r.thread_key = l.thread_key AND r.run_id = l.run_id
  AND r.status = 'running' AND r.lease_until <= now()
RETURNING r.owner_key;
