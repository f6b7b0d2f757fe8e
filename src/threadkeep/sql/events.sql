-- fragment: event_columns
-- A thread that this user does not reach has no id here.
e.kind,
  (SELECT t.thread_id FROM /*schema*/threads t
   WHERE t.owner_key = $1::bigint AND t.thread_key BETWEEN e.thread_key AND e.thread_key
     AND t.owner_id IS NOT DISTINCT FROM $2::text AND ($4::text IS NULL OR t.user_id = $4::text)
   ORDER BY t.thread_key LIMIT 1),
  e.message_id, e.run, e.value, e.props::text, e.event_id, e.user_id, e.created_at

-- name: events_track
-- Stores many events in one statement. A row for each that is stored, by this call or by the same one
-- before. One whose thread is unknown is left out, and one whose id is another event's. The threads
-- are locked in the order of the rows, as by a deletion of theirs, and so are the events.
-- $1 owner_key, $2 owner_id, $3 user_id of the handle, $4 the events as JSON; `place` counts those
-- that bring no time, which keep their order.
WITH g AS MATERIALIZED (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner
),
n AS MATERIALIZED (
  SELECT n.* FROM g CROSS JOIN LATERAL json_to_recordset($4::text::json) AS n (
    event_id text, thread_id text, place integer, kind text, message_id text, run text,
    value bigint, props text, user_id text, created_at timestamptz)
),
x AS MATERIALIZED (
  SELECT n.*, t.thread_key, t.user_id AS thread_user
  FROM n LEFT JOIN LATERAL (
    SELECT t.thread_key, t.user_id FROM /*schema*/threads t
    WHERE t.owner_key = $1::bigint AND t.owner_id = $2::text
      AND t.thread_id BETWEEN n.thread_id AND n.thread_id
      AND ($3::text IS NULL OR t.user_id = $3::text)
    ORDER BY t.thread_id LIMIT 1
    FOR KEY SHARE
  ) t ON true
)
INSERT INTO /*schema*/events AS e (
  owner_key, thread_key, value, created_at, owner_id, event_id, user_id, kind, message_id, run,
  props)
SELECT $1::bigint, x.thread_key, x.value,
       coalesce(x.created_at, now() + make_interval(secs => x.place / 1000000.0)), $2::text,
       x.event_id, coalesce($3::text, x.user_id, x.thread_user), x.kind, x.message_id, x.run,
       x.props::jsonb
FROM x WHERE x.thread_id IS NULL OR x.thread_key IS NOT NULL
ON CONFLICT (owner_key, owner_id, event_id) DO UPDATE SET event_id = excluded.event_id
WHERE (e.thread_key, e.value, e.user_id, e.kind, e.message_id, e.run, e.props)
  IS NOT DISTINCT FROM (excluded.thread_key, excluded.value, excluded.user_id, excluded.kind,
                        excluded.message_id, excluded.run, excluded.props)
RETURNING e.event_id;

-- fragment: kept_events
-- A page of e, which is the rows to look at in order, with the number of each. The last of them is
-- returned even if it does not match (kept is false), so that the next page knows where to go on.
SELECT e.n, e.kept, /*use event_columns*/
FROM (
  SELECT e.*, row_number() OVER () AS n,
         (($9::text IS NULL OR e.kind = $9::text)
          AND ($10::text IS NULL OR e.user_id = $10::text)) IS TRUE AS kept
  FROM e
) e
WHERE e.kept OR e.n = $12::bigint
LIMIT $11::integer

-- name: events_newest, events_oldest reversed
-- A page of an owner's events by when they were.
-- $1 owner_key, $2 owner_id, $3 thread_id (used by the list of one), $4 user_id whose threads can be
-- reached (here and below NULL: any), $5 and $6 the place to start after, $7 from when, $8 before
-- when, $9 kind, $10 whose events, $11 rows to return, $12 rows to look at.
-- An equality of owner_id would let the planner take events_pkey, and read and sort all events.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH e AS (
    SELECT e.* FROM /*schema*/events e
    WHERE e.owner_key = $1::bigint AND e.owner_id IS NOT DISTINCT FROM $2::text
      AND (e.created_at, e.event_id) /*past*/< ($5::timestamptz, $6::text)
      AND e.created_at >= $7::timestamptz AND e.created_at < $8::timestamptz
      AND g.owner IS NOT NULL AND $3::text IS NULL
    ORDER BY e.created_at /*dir*/DESC, e.event_id /*dir*/DESC LIMIT $12::bigint
  )
  /*use kept_events*/
) r;

-- name: events_of_thread_newest, events_of_thread_oldest reversed
-- The same of one thread.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH e AS (
    SELECT e.* FROM (/*use named_thread*/) t CROSS JOIN LATERAL (
      SELECT e.* FROM /*schema*/events e
      WHERE e.owner_key = $1::bigint AND e.thread_key BETWEEN t.thread_key AND t.thread_key
        AND (e.thread_key, e.created_at, e.event_id) /*past*/<
          (t.thread_key, $5::timestamptz, $6::text)
        AND e.created_at >= $7::timestamptz AND e.created_at < $8::timestamptz
      ORDER BY e.thread_key /*dir*/DESC, e.created_at /*dir*/DESC, e.event_id /*dir*/DESC
      LIMIT $12::bigint
    ) e
  )
  /*use kept_events*/
) r;
