-- fragment: thread_columns
-- A time costs a client most of all: the second is sent only where it is not the first.
t.thread_id, t.owner_id, t.user_id, t.title, t.status, t.metadata::text, t.external_id,
  (SELECT h.message_id FROM /*schema*/messages h
   WHERE h.owner_key = t.owner_key AND h.thread_key = t.thread_key
     AND h.seq BETWEEN t.head_seq AND t.head_seq
   ORDER BY h.seq LIMIT 1),
  t.turns, t.message_count, t.revision, t.created_at, nullif(t.updated_at, t.active_at),
  t.active_at, t.format, t.payload::text, coalesce(t.access, 'open'), t.access_reason

-- fragment: named_thread
-- The thread of $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id, once g has set the owner.
-- Here and below: a range with its order leaves the planner only the index that has this order. On a
-- table that was never analysed it may take another one for an equality, and read a whole thread.
SELECT t.* FROM /*schema*/threads t
WHERE t.owner_key = $1::bigint AND t.owner_id = $2::text
  AND t.thread_id BETWEEN $3::text AND $3::text
  AND ($4::text IS NULL OR t.user_id = $4::text) AND g.owner IS NOT NULL
ORDER BY t.thread_id LIMIT 1

-- name: thread_create
-- Makes a thread; no row if the id is taken.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id, $5 title, $6 metadata, $7 external_id,
-- $8 created_at, $9 active_at, $10 format, $11 payload.
WITH g AS MATERIALIZED (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner
)
INSERT INTO /*schema*/threads AS t (
  owner_key, next_seq, structure, revision, message_count, created_at, updated_at, active_at, turns,
  owner_id, thread_id, user_id, external_id, title, status, metadata, format, payload)
SELECT $1::bigint, 1, 0, 0, 0, coalesce($8::timestamptz, now()), now(),
       coalesce($9::timestamptz, $8::timestamptz, now()), 0, $2::text, $3::text, $4::text,
       $7::text, $5::text, 'active', $6::text::jsonb, $10::text, $11::text::json
FROM g
ON CONFLICT (owner_key, owner_id, thread_id) DO NOTHING
RETURNING /*use thread_columns*/;

-- name: thread_get
-- One thread by its id.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id or NULL for all users.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT /*use thread_columns*/
  FROM (/*use named_thread*/) t
) r;

-- fragment: kept_threads
-- A page of s, which is the rows to look at in order. The last of them is returned even if it does
-- not match (kept is false), so that the next page knows where to go on; the third column marks it.
SELECT t.thread_key, t.kept, t.n = $11::bigint, /*use thread_columns*/
FROM (
  SELECT s.*, row_number() OVER () AS n,
         ($5::text IS NULL OR s.status = $5::text)
         AND ($6::text IS NULL OR s.metadata @> $6::text::jsonb) IS TRUE
         AND ($7::text IS NULL OR s.title ILIKE $7::text) IS TRUE AS kept
  FROM s
) t
WHERE t.kept OR t.n = $11::bigint
LIMIT $10::integer

-- name: threads_newest, threads_oldest reversed
-- A page of an owner's threads by last activity.
-- $1 owner_key, $2 owner_id, $3 and $4 the place to start after, $5 status, $6 metadata to contain,
-- $7 pattern of the title (NULL: any), $8 and $9 the place to end before, $10 rows to return, $11 rows
-- to look at.
-- An equality of owner_id would let the planner take threads_id_key, and read and sort all threads. A
-- range of the time would let it think of so few that it sorts them: hence bounds of both columns.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH s AS (
    SELECT t.* FROM /*schema*/threads t
    WHERE t.owner_key = $1::bigint AND t.owner_id IS NOT DISTINCT FROM $2::text
      AND (t.active_at, t.thread_key) /*past*/< ($3::timestamptz, $4::bigint)
      AND (t.active_at, t.thread_key) /*past*/> ($8::timestamptz, $9::bigint)
      AND g.owner IS NOT NULL
    ORDER BY t.active_at /*dir*/DESC, t.thread_key /*dir*/DESC LIMIT $11::bigint
  )
  /*use kept_threads*/
) r;

-- name: threads_of_user_newest, threads_of_user_oldest reversed
-- The same of one user, $12 user_id.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH s AS (
    SELECT t.* FROM /*schema*/threads t
    WHERE t.owner_key = $1::bigint AND t.owner_id IS NOT DISTINCT FROM $2::text
      AND t.user_id = $12::text
      AND (t.active_at, t.thread_key) /*past*/< ($3::timestamptz, $4::bigint)
      AND (t.active_at, t.thread_key) /*past*/> ($8::timestamptz, $9::bigint)
      AND g.owner IS NOT NULL
    ORDER BY t.active_at /*dir*/DESC, t.thread_key /*dir*/DESC LIMIT $11::bigint
  )
  /*use kept_threads*/
) r;

-- name: threads_of_external_newest, threads_of_external_oldest reversed
-- The same of one external_id, $13, and of one user, $12 user_id or NULL for all.
-- Ordered by one value: for two columns the planner may take their index, and read all threads.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH s AS (
    SELECT t.* FROM /*schema*/threads t
    WHERE t.owner_key = $1::bigint AND t.owner_id IS NOT DISTINCT FROM $2::text
      AND t.external_id = $13::text
      AND ($12::text IS NULL OR t.user_id = $12::text)
      AND (t.active_at, t.thread_key) /*past*/< ($3::timestamptz, $4::bigint)
      AND (t.active_at, t.thread_key) /*past*/> ($8::timestamptz, $9::bigint)
      AND g.owner IS NOT NULL
    ORDER BY (t.active_at, t.thread_key) /*dir*/DESC LIMIT $11::bigint
  )
  /*use kept_threads*/
) r;

-- name: threads_count
-- How many threads match.
-- $1 owner_key, $2 owner_id, $3 user_id, $4 external_id, $5 status, $6 metadata to contain, $7 pattern
-- of the title (NULL: any), $8 and $9 active since and before.
SELECT r.count FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT count(*) AS count FROM /*schema*/threads t
  WHERE t.owner_key = $1::bigint AND t.owner_id = $2::text
    AND ($3::text IS NULL OR t.user_id = $3::text)
    AND ($4::text IS NULL OR t.external_id = $4::text)
    AND ($5::text IS NULL OR t.status = $5::text)
    AND ($6::text IS NULL OR t.metadata @> $6::text::jsonb)
    AND ($7::text IS NULL OR t.title ILIKE $7::text)
    AND t.active_at >= $8::timestamptz AND t.active_at < $9::timestamptz
    AND g.owner IS NOT NULL
  OFFSET 0
) r;

-- name: threads_of_all_down, threads_of_all_up reversed
-- A page of the threads of all owners, in the order of their keys; for the admin role.
-- $1 and $2 the place to start after, $3 status (NULL: any), $4 rows to return.
SELECT t.owner_key, t.thread_key, /*use thread_columns*/
FROM /*schema*/threads t
WHERE (t.owner_key, t.thread_key) /*past*/< ($1::bigint, $2::bigint)
  AND ($3::text IS NULL OR t.status = $3::text)
ORDER BY t.owner_key /*dir*/DESC, t.thread_key /*dir*/DESC LIMIT $4::integer;

-- name: threads_of_all_newest, threads_of_all_oldest reversed
-- The same by last activity: reads and sorts them all. $1 to $3 the place to start after, $4 status
-- (NULL: any), $5 rows to return.
SELECT t.owner_key, t.thread_key, /*use thread_columns*/
FROM (
  SELECT t.owner_key, t.thread_key, t.active_at FROM /*schema*/threads t
  WHERE (t.active_at, t.owner_key, t.thread_key)
    /*past*/< ($1::timestamptz, $2::bigint, $3::bigint)
    AND ($4::text IS NULL OR t.status = $4::text)
  ORDER BY t.active_at /*dir*/DESC, t.owner_key /*dir*/DESC, t.thread_key /*dir*/DESC
  LIMIT $5::integer
) k CROSS JOIN LATERAL (
  SELECT t.* FROM /*schema*/threads t
  WHERE t.owner_key = k.owner_key AND t.thread_key BETWEEN k.thread_key AND k.thread_key
  ORDER BY t.thread_key LIMIT 1
) t
ORDER BY k.active_at /*dir*/DESC, k.owner_key /*dir*/DESC, k.thread_key /*dir*/DESC;

-- name: threads_of_all_place
-- Where the threads of one id stand in the lists of all owners, two at the most; reads them all.
-- $1 thread_id.
SELECT t.active_at, t.owner_key, t.thread_key FROM /*schema*/threads t
WHERE t.thread_id = $1::text LIMIT 2;

-- name: owners_down, owners_up reversed
-- A page of the owners that have threads, by their ids as code points; for the admin role. One look
-- into the index for each owner finds them all, and only those of the page are counted.
-- $1 what the ids start with (NULL: anything), $2 the id to start after (NULL: none), $3 rows.
WITH RECURSIVE o AS (
  (SELECT t.owner_key, t.owner_id FROM /*schema*/threads t
   ORDER BY t.owner_key, t.owner_id LIMIT 1)
  UNION ALL
  SELECT n.owner_key, n.owner_id FROM o CROSS JOIN LATERAL (
    SELECT t.owner_key, t.owner_id FROM /*schema*/threads t
    WHERE (t.owner_key, t.owner_id) > (o.owner_key, o.owner_id)
    ORDER BY t.owner_key, t.owner_id LIMIT 1
  ) n
)
SELECT p.owner_id, c.count, a.active_at
FROM (
  SELECT o.owner_key, o.owner_id FROM o
  WHERE ($1::text IS NULL OR starts_with(o.owner_id, $1::text))
    AND ($2::text IS NULL OR o.owner_id COLLATE "C" /*past*/< $2::text)
  ORDER BY o.owner_id COLLATE "C" /*dir*/DESC LIMIT $3::integer
) p CROSS JOIN LATERAL (
  SELECT count(*) AS count FROM /*schema*/threads t
  WHERE t.owner_key = p.owner_key AND t.owner_id = p.owner_id
  OFFSET 0
) c CROSS JOIN LATERAL (
  SELECT t.active_at FROM /*schema*/threads t
  WHERE t.owner_key = p.owner_key AND t.owner_id IS NOT DISTINCT FROM p.owner_id
  ORDER BY t.active_at DESC LIMIT 1
) a
ORDER BY p.owner_id COLLATE "C" /*dir*/DESC;

-- name: thread_lock
-- Locks a thread's row for the transaction and reads what changes are decided by, and what tells the
-- transaction from others (see xact_status): its id, where the log stands now that the lock is in
-- it, and where the server's last recovery ended.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id.
SELECT r.*, concat_ws(' ', pg_current_xact_id(), pg_current_wal_insert_lsn(),
                      pg_last_wal_replay_lsn())
FROM (
  SELECT t.thread_key, t.head_seq, t.revision, t.metadata::text FROM /*schema*/threads t
  WHERE t.owner_key = $1::bigint AND t.owner_id = $2::text
    AND t.thread_id BETWEEN $3::text AND $3::text
    AND ($4::text IS NULL OR t.user_id = $4::text)
  ORDER BY t.thread_id LIMIT 1
  FOR UPDATE
) r;

-- name: thread_update
-- Writes what changed of a locked thread. A column is kept where its flag is false.
-- $1 owner_key, $2 thread_key, then flag and value of title, status, metadata, external_id,
-- active_at, format, payload, access (NULL: open) and access_reason.
UPDATE /*schema*/threads t SET
  title = CASE WHEN $3::boolean THEN $4::text ELSE t.title END,
  status = CASE WHEN $5::boolean THEN $6::text ELSE t.status END,
  metadata = CASE WHEN $7::boolean THEN $8::text::jsonb ELSE t.metadata END,
  external_id = CASE WHEN $9::boolean THEN $10::text ELSE t.external_id END,
  active_at = CASE WHEN $11::boolean THEN $12::timestamptz ELSE t.active_at END,
  format = CASE WHEN $13::boolean THEN $14::text ELSE t.format END,
  payload = CASE WHEN $15::boolean THEN $16::text::json ELSE t.payload END,
  access = CASE WHEN $17::boolean THEN $18::text ELSE t.access END,
  access_reason = CASE WHEN $19::boolean THEN $20::text ELSE t.access_reason END,
  revision = t.revision + 1,
  updated_at = now()
WHERE t.owner_key = $1::bigint AND t.thread_key = $2::bigint
RETURNING /*use thread_columns*/;

-- name: thread_set_head
-- Points a locked thread at a message.
-- $1 owner_key, $2 thread_key, $3 seq of the message or NULL, $4 what to add to the revision,
-- $5 messages removed, $6 what to add to the structure.
UPDATE /*schema*/threads t SET
  head_seq = h.seq, head_anchor = h.anchor, turns = coalesce(h.turn, 0),
  revision = t.revision + $4::bigint, message_count = t.message_count - $5::bigint,
  structure = t.structure + $6::bigint, updated_at = now()
FROM (SELECT $3::bigint AS wanted) w
LEFT JOIN LATERAL (
  SELECT m.seq, m.anchor, m.turn FROM /*schema*/messages m
  WHERE m.owner_key = $1::bigint AND m.thread_key = $2::bigint
    AND m.seq BETWEEN w.wanted AND w.wanted
  ORDER BY m.seq LIMIT 1
) h ON true
WHERE t.owner_key = $1::bigint AND t.thread_key = $2::bigint
RETURNING /*use thread_columns*/;

-- name: thread_delete
-- Deletes a locked thread with all that hangs on it.
-- $1 owner_key, $2 thread_key.
DELETE FROM /*schema*/threads t WHERE t.owner_key = $1::bigint AND t.thread_key = $2::bigint
RETURNING t.thread_key;
