-- fragment: append_rows
-- The rows of a batch, once the thread's row (t) has handed out their place. Only the first gives
-- its parent's id, and each its updated_at only where that is not its created_at.
INSERT INTO /*schema*/messages AS m (
  owner_key, thread_key, seq, parent_seq, anchor, created_at, updated_at, turn, tokens, starts, cut,
  message_id, role, status, format, metadata, run, session, calls, answers, payload)
SELECT $1::bigint, t.thread_key, t.base + r.n - 1,
       CASE WHEN r.n = 1 AND t.head_anchor = t.base THEN t.head_parent ELSE t.base + r.n - 2 END,
       t.head_anchor, coalesce(r.created_at, now()), now(), t.turn + r.turn, r.tokens, r.starts,
       r.cut, r.message_id, r.role, r.status, r.format, r.metadata::jsonb, t.run,
       r.session, r.calls, r.answers, r.payload::json
FROM t CROSS JOIN ROWS FROM (
  json_to_recordset($6::text::json) AS (
    message_id text, role text, status text, format text, created_at timestamptz, turn integer,
    tokens integer, starts boolean, cut boolean, metadata text, session text,
    calls text[], answers text[]),
  string_to_table($7::text, E'\x1e')
) WITH ORDINALITY AS r (
  message_id, role, status, format, created_at, turn, tokens, starts, cut, metadata, session, calls,
  answers, payload, n)
RETURNING m.seq, m.parent_seq, m.turn, m.created_at, nullif(m.updated_at, m.created_at),
  CASE WHEN m.seq = (SELECT t.base FROM t) THEN (
    SELECT p.message_id FROM /*schema*/messages p
    WHERE p.owner_key = $1::bigint AND p.thread_key = m.thread_key
      AND p.seq BETWEEN m.parent_seq AND m.parent_seq
    ORDER BY p.seq LIMIT 1) END

-- name: append_to_head
-- Stores a batch under the head, in one statement; makes the thread if it is new. No row: the
-- thread is another user's, or locked or closed. 23505: an id of the batch is stored already.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id, $5 active_at, $6 the rows without their
-- payloads as JSON, $7 the payloads with a record separator between them, $8 how many rows there are,
-- $9 how many turns start, $10 whether it may be locked or closed.
WITH g AS MATERIALIZED (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner
),
t AS (
  INSERT INTO /*schema*/threads AS t (
    owner_key, next_seq, head_seq, head_anchor, head_parent, structure, revision, message_count,
    created_at, updated_at, active_at, turns, owner_id, thread_id, user_id, status)
  SELECT $1::bigint, $8::bigint + 1, $8::bigint, 1, NULL, 0, 0,
         $8::bigint, now(), now(), coalesce($5::timestamptz, now()),
         $9::integer, $2::text, $3::text, $4::text, 'active'
  FROM g
  ON CONFLICT (owner_key, owner_id, thread_id) DO UPDATE SET
    next_seq = t.next_seq + excluded.head_seq,
    head_seq = t.next_seq + excluded.head_seq - 1,
    head_anchor = CASE WHEN t.head_seq = t.next_seq - 1 THEN t.head_anchor ELSE t.next_seq END,
    head_parent = CASE WHEN t.head_seq = t.next_seq - 1 THEN t.head_parent ELSE t.head_seq END,
    message_count = t.message_count + excluded.head_seq,
    turns = t.turns + excluded.turns,
    active_at = greatest(t.active_at, excluded.active_at),
    updated_at = excluded.updated_at
  WHERE ($4::text IS NULL OR t.user_id = $4::text) AND (t.access IS NULL OR $10::boolean)
  RETURNING t.thread_key, t.next_seq - $8::bigint AS base, t.head_anchor,
            t.head_parent, t.turns - $9::integer AS turn, NULL::text AS run
)
/*use append_rows*/;

-- fragment: parent
-- The place of the parent, $11 message_id, and the structure in which it stands there; one empty
-- row where that is NULL.
parent AS MATERIALIZED (
  SELECT p.* FROM g CROSS JOIN LATERAL (
    SELECT m.seq, m.anchor, m.turn, t.structure
    FROM (/*use named_thread*/) t CROSS JOIN LATERAL (
      SELECT m.seq, m.anchor, m.turn FROM /*schema*/messages m
      WHERE m.owner_key = $1::bigint AND m.thread_key = t.thread_key
        AND m.message_id BETWEEN $11::text AND $11::text
      ORDER BY m.message_id LIMIT 1
    ) m
  ) p
  UNION ALL
  SELECT NULL, 1, 0, 0 FROM g WHERE $11::text IS NULL AND g.owner IS NOT NULL
)

-- name: append_under
-- Stores a batch under a given message; as append_to_head otherwise. No row: no such thread or
-- message, the head is another one, the thread is locked or closed, or messages were removed from it
-- since its snapshot was taken. 23514: the thread itself was, so this one would be new.
-- Parameters as in append_to_head, $11 message_id of the parent or NULL for a new root, $12 whether
-- the parent must be the head. The proposed row carries the parent's place to DO UPDATE in its
-- head_seq, head_anchor, head_parent, turns and structure.
WITH g AS MATERIALIZED (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner
),
/*use parent*/,
t AS (
  INSERT INTO /*schema*/threads AS t (
    owner_key, next_seq, head_seq, head_anchor, head_parent, structure, revision, message_count,
    created_at, updated_at, active_at, turns, owner_id, thread_id, user_id, status)
  SELECT $1::bigint, $8::bigint + 1, $8::bigint, p.anchor, p.seq, p.structure, 0,
         $8::bigint, now(), now(), coalesce($5::timestamptz, now()),
         p.turn + $9::integer, $2::text, $3::text, $4::text, 'active'
  FROM parent p
  ON CONFLICT (owner_key, owner_id, thread_id) DO UPDATE SET
    next_seq = t.next_seq + excluded.head_seq,
    head_seq = t.next_seq + excluded.head_seq - 1,
    head_anchor = CASE WHEN excluded.head_parent = t.next_seq - 1 THEN excluded.head_anchor
                       ELSE t.next_seq END,
    head_parent = excluded.head_parent,
    message_count = t.message_count + excluded.head_seq,
    turns = excluded.turns,
    active_at = greatest(t.active_at, excluded.active_at),
    updated_at = excluded.updated_at
  WHERE ($4::text IS NULL OR t.user_id = $4::text) AND (t.access IS NULL OR $10::boolean)
    AND (NOT $12::boolean OR t.head_seq IS NOT DISTINCT FROM excluded.head_parent)
    AND ($11::text IS NULL OR t.structure = excluded.structure)
  RETURNING t.thread_key, t.next_seq - $8::bigint AS base, t.head_anchor,
            t.head_parent, t.turns - $9::integer AS turn, NULL::text AS run
)
/*use append_rows*/;

-- name: append_in_run
-- Stores a batch under the head or a given message, and begins its run or renews the run's lease. No
-- row: as in append_under, or another exclusive run holds the thread. 23502, a missing seq: the run
-- has lost its lease, or it is gone with its thread.
-- Parameters as in append_under, $13 whether the batch goes under the head ($11 is NULL then),
-- $14 run_id, $15 seconds of the lease, $16 whether the run is exclusive, $17 whether it begins.
WITH g AS MATERIALIZED (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner
),
/*use parent*/,
place AS (
  INSERT INTO /*schema*/threads AS t (
    owner_key, next_seq, head_seq, head_anchor, head_parent, structure, revision, message_count,
    created_at, updated_at, active_at, turns, owner_id, thread_id, user_id, status, live_run,
    live_until)
  SELECT $1::bigint, $8::bigint + 1, $8::bigint, p.anchor, p.seq, p.structure, 0,
         $8::bigint, now(), now(), coalesce($5::timestamptz, now()),
         p.turn + $9::integer, $2::text, $3::text, $4::text, 'active',
         CASE WHEN $16::boolean THEN $14::text END,
         CASE WHEN $16::boolean THEN now() + make_interval(secs => $15::float8) END
  FROM parent p
  ON CONFLICT (owner_key, owner_id, thread_id) DO UPDATE SET
    next_seq = t.next_seq + excluded.head_seq,
    head_seq = t.next_seq + excluded.head_seq - 1,
    head_anchor = CASE
      WHEN t.next_seq - 1 IS DISTINCT FROM
           CASE WHEN $13::boolean THEN t.head_seq ELSE excluded.head_parent END THEN t.next_seq
      WHEN $13::boolean THEN t.head_anchor ELSE excluded.head_anchor END,
    head_parent = CASE
      WHEN NOT $13::boolean THEN excluded.head_parent
      WHEN t.head_seq = t.next_seq - 1 THEN t.head_parent ELSE t.head_seq END,
    message_count = t.message_count + excluded.head_seq,
    turns = CASE WHEN $13::boolean THEN t.turns ELSE 0 END + excluded.turns,
    active_at = greatest(t.active_at, excluded.active_at),
    updated_at = excluded.updated_at,
    live_run = coalesce(excluded.live_run, t.live_run),
    live_until = CASE WHEN $16::boolean THEN excluded.live_until ELSE t.live_until END
  WHERE ($4::text IS NULL OR t.user_id = $4::text) AND (t.access IS NULL OR $10::boolean)
    AND (NOT $12::boolean OR t.head_seq IS NOT DISTINCT FROM excluded.head_parent)
    AND ($11::text IS NULL OR t.structure = excluded.structure)
    AND (NOT $16::boolean OR t.live_run = excluded.live_run
         OR $17::boolean AND (t.live_run IS NULL OR t.live_until <= excluded.updated_at))
  RETURNING t.thread_key, t.next_seq - $8::bigint AS base, t.head_anchor,
            t.head_parent, t.turns - $9::integer AS turn
),
run AS (
  INSERT INTO /*schema*/runs AS r (
    owner_key, thread_key, started_at, renewed_at, lease_until, exclusive, run_id, status)
  SELECT $1::bigint, p.thread_key, now(), now(), now() + make_interval(secs => $15::float8),
         $16::boolean, $14::text, 'running'
  FROM place p
  ON CONFLICT (owner_key, thread_key, run_id) DO UPDATE SET
    renewed_at = excluded.renewed_at, lease_until = excluded.lease_until
  WHERE r.status = 'running' AND r.lease_until > excluded.renewed_at
  -- A row that was there before has an xmax: only a run that begins may be new.
  RETURNING r.run_id, $17::boolean OR r.xmax <> 0 AS held
),
t AS (
  SELECT p.thread_key, CASE WHEN r.held THEN p.base END AS base, p.head_anchor, p.head_parent,
         p.turn, r.run_id AS run
  FROM place p LEFT JOIN run r ON true
)
/*use append_rows*/;

-- name: fork
-- Copies a path into a new thread: order, ids and times kept, seq anew from 1. Runs are left behind,
-- so what is still running was interrupted there. No row: no such thread or message, or the new id
-- is taken.
-- $1 to $5 as in path, $6 the new thread_id, $7 whether $8 is the title (else the old one).
WITH RECURSIVE /*use path*/,
copied AS MATERIALIZED (
  SELECT m.*, row_number() OVER (ORDER BY m.seq) AS n
  FROM path p CROSS JOIN LATERAL (
    SELECT m.*, /*use message_status*/ AS shown FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = p.thread_key AND m.seq BETWEEN p.lo AND p.hi
    OFFSET 0
  ) m
),
made AS (
  INSERT INTO /*schema*/threads AS t (
    owner_key, next_seq, head_seq, head_anchor, structure, revision, message_count, created_at,
    updated_at, active_at, turns, owner_id, thread_id, user_id, title, status, metadata, format,
    payload)
  SELECT $1::bigint, c.count + 1, nullif(c.count, 0), CASE WHEN c.count > 0 THEN 1 END, 0, 0,
         c.count, now(), now(), now(), coalesce(c.turn, 0), $2::text, $6::text,
         coalesce($4::text, s.user_id), CASE WHEN $7::boolean THEN $8::text ELSE s.title END,
         'active', s.metadata, s.format, s.payload
  FROM (SELECT count(*) AS count, max(turn) AS turn FROM copied) c
  CROSS JOIN thread k
  CROSS JOIN LATERAL (
    SELECT s.* FROM /*schema*/threads s
    WHERE s.owner_key = $1::bigint AND s.thread_key = k.thread_key OFFSET 0
  ) s
  WHERE $5::text IS NULL OR c.count > 0
  ON CONFLICT (owner_key, owner_id, thread_id) DO NOTHING
  RETURNING t.*
),
filled AS (
  INSERT INTO /*schema*/messages (
    owner_key, thread_key, seq, parent_seq, anchor, created_at, updated_at, turn, tokens, starts,
    cut, message_id, role, status, format, metadata, session, calls, answers, payload)
  SELECT $1::bigint, t.thread_key, c.n, nullif(c.n - 1, 0), 1, c.created_at, c.updated_at, c.turn,
         c.tokens, c.starts, c.cut, c.message_id, c.role,
         CASE WHEN c.shown = 'running' AND c.run IS NOT NULL THEN 'interrupted' ELSE c.shown END,
         c.format, c.metadata, c.session, c.calls, c.answers, c.payload
  FROM made t CROSS JOIN copied c
  RETURNING seq
)
SELECT t.thread_id, t.owner_id, t.user_id, t.title, t.status, t.metadata::text, t.external_id,
       (SELECT c.message_id FROM copied c WHERE c.n = t.message_count),
       t.turns, t.message_count, t.revision, t.created_at, t.updated_at, t.active_at, t.format,
       t.payload::text, coalesce(t.access, 'open'), t.access_reason
FROM made t;
