-- fragment: session_columns
s.session_id, (
    SELECT t.thread_id FROM /*schema*/threads t
    WHERE t.owner_key = $1::bigint AND t.thread_key BETWEEN s.thread_key AND s.thread_key
    ORDER BY t.thread_key LIMIT 1),
  s.user_id, s.sdk_version, s.state::text, s.metadata::text, s.created_at, s.updated_at,
  s.archived_at, s.expires_at

-- fragment: session_live
-- Whether there is such a session for this scope: of its user, and not past its end.
($4::text IS NULL OR s.user_id = $4::text) AND (s.expires_at IS NULL OR s.expires_at > now())

-- fragment: transaction_mark
-- What tells the transaction from others, once its first row is in the log (see xact_status).
concat_ws(' ', pg_current_xact_id(), pg_current_wal_insert_lsn(), pg_last_wal_replay_lsn())

-- name: session_save
-- Makes a session, or writes what changed of one; a session past its end begins anew. No row: it is
-- another user's, of another thread, or of another version than $15.
-- $1 owner_key, $2 owner_id, $3 session_id, $4 user_id or NULL, $5 thread_key or NULL, then flag and
-- value of sdk_version, state, metadata and expires_at (a value is NULL where its flag is false),
-- $14 whether to archive it (one that is there keeps its version then), $15 the version that it must
-- have (NULL: any).
INSERT INTO /*schema*/sessions AS s (
  owner_key, thread_key, created_at, updated_at, archived_at, expires_at, owner_id, session_id,
  user_id, sdk_version, metadata, state)
SELECT $1::bigint, $5::bigint, now(), now(), CASE WHEN $14::boolean THEN now() END,
       $13::timestamptz, $2::text, $3::text, coalesce($4::text, (
         SELECT t.user_id FROM /*schema*/threads t
         WHERE t.owner_key = $1::bigint AND t.thread_key BETWEEN $5::bigint AND $5::bigint
         ORDER BY t.thread_key LIMIT 1)),
       $7::text, $11::text::jsonb, $9::text::json
ON CONFLICT (owner_key, owner_id, session_id) DO UPDATE SET
  thread_key = CASE WHEN s.expires_at <= excluded.updated_at OR s.thread_key IS NULL
                    THEN excluded.thread_key ELSE s.thread_key END,
  created_at = CASE WHEN s.expires_at <= excluded.updated_at THEN excluded.created_at
                    ELSE s.created_at END,
  updated_at = excluded.updated_at,
  archived_at = CASE WHEN s.expires_at <= excluded.updated_at OR s.archived_at IS NULL
                     THEN excluded.archived_at ELSE s.archived_at END,
  expires_at = CASE WHEN $12::boolean OR s.expires_at <= excluded.updated_at
                    THEN excluded.expires_at ELSE s.expires_at END,
  user_id = coalesce(s.user_id, excluded.user_id),
  sdk_version = CASE WHEN ($6::boolean AND NOT $14::boolean)
                          OR s.expires_at <= excluded.updated_at
                     THEN excluded.sdk_version ELSE s.sdk_version END,
  metadata = CASE WHEN $10::boolean OR s.expires_at <= excluded.updated_at
                  THEN excluded.metadata ELSE s.metadata END,
  state = CASE WHEN $8::boolean OR s.expires_at <= excluded.updated_at
               THEN excluded.state ELSE s.state END
WHERE ($4::text IS NULL OR s.user_id = $4::text)
  AND (s.expires_at <= excluded.updated_at
       OR (s.thread_key = excluded.thread_key OR s.thread_key IS NULL
           OR excluded.thread_key IS NULL)
          AND ($15::text IS NULL OR s.sdk_version = $15::text))
RETURNING /*use session_columns*/, /*use transaction_mark*/;

-- name: session_get
-- One session by its id.
-- $1 owner_key, $2 owner_id, $3 session_id, $4 user_id or NULL for all users.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT /*use session_columns*/ FROM /*schema*/sessions s
  WHERE s.owner_key = $1::bigint AND s.owner_id = $2::text
    AND s.session_id BETWEEN $3::text AND $3::text
    AND /*use session_live*/ AND g.owner IS NOT NULL
  ORDER BY s.session_id LIMIT 1
) r;

-- name: sessions_newest, sessions_oldest reversed
-- A page of an owner's sessions by when they were made.
-- $1 owner_key, $2 owner_id, $3 not used, $4 user_id or NULL, $5 whether archived (NULL: any), $6 and
-- $7 the place to start after, $8 rows.
-- An equality of owner_id would let the planner take sessions_pkey, and read and sort all sessions.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT /*use session_columns*/ FROM /*schema*/sessions s
  WHERE s.owner_key = $1::bigint AND s.owner_id IS NOT DISTINCT FROM $2::text
    AND $3::text IS NULL AND (s.created_at, s.session_id) /*past*/< ($6::timestamptz, $7::text)
    AND /*use session_live*/ AND g.owner IS NOT NULL
    AND ($5::boolean IS NULL OR (s.archived_at IS NOT NULL) = $5::boolean)
  ORDER BY s.created_at /*dir*/DESC, s.session_id /*dir*/DESC LIMIT $8::integer
) r;

-- name: sessions_of_user_newest, sessions_of_user_oldest reversed
-- The same of one user, $4.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT /*use session_columns*/ FROM /*schema*/sessions s
  WHERE s.owner_key = $1::bigint AND s.owner_id IS NOT DISTINCT FROM $2::text
    AND s.user_id = $4::text
    AND $3::text IS NULL AND (s.created_at, s.session_id) /*past*/< ($6::timestamptz, $7::text)
    AND /*use session_live*/ AND g.owner IS NOT NULL
    AND ($5::boolean IS NULL OR (s.archived_at IS NOT NULL) = $5::boolean)
  ORDER BY s.created_at /*dir*/DESC, s.session_id /*dir*/DESC LIMIT $8::integer
) r;

-- name: sessions_of_thread_newest, sessions_of_thread_oldest reversed
-- The same of one thread, $3 thread_id.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT /*use session_columns*/
  FROM (/*use named_thread*/) t CROSS JOIN LATERAL (
    SELECT s.* FROM /*schema*/sessions s
    WHERE s.owner_key = $1::bigint AND s.thread_key = t.thread_key
      AND (s.created_at, s.session_id) /*past*/< ($6::timestamptz, $7::text)
      AND /*use session_live*/
      AND ($5::boolean IS NULL OR (s.archived_at IS NOT NULL) = $5::boolean)
    ORDER BY s.created_at /*dir*/DESC, s.session_id /*dir*/DESC LIMIT $8::integer
  ) s
) r;

-- name: session_archive
-- Archives a session; one that is archived already stays as it is.
-- $1 owner_key, $2 owner_id, $3 session_id, $4 user_id or NULL for all users.
UPDATE /*schema*/sessions s SET
  updated_at = CASE WHEN s.archived_at IS NULL THEN now() ELSE s.updated_at END,
  archived_at = coalesce(s.archived_at, now())
WHERE s.owner_key = $1::bigint AND s.owner_id = $2::text AND s.session_id = $3::text
  AND /*use session_live*/
RETURNING /*use session_columns*/;

-- name: session_unarchive
-- Takes a session out of the archive; one that is not in it stays as it is.
-- $1 owner_key, $2 owner_id, $3 session_id, $4 user_id or NULL for all users.
UPDATE /*schema*/sessions s SET
  updated_at = CASE WHEN s.archived_at IS NULL THEN s.updated_at ELSE now() END,
  archived_at = NULL
WHERE s.owner_key = $1::bigint AND s.owner_id = $2::text AND s.session_id = $3::text
  AND /*use session_live*/
RETURNING /*use session_columns*/;

-- name: session_delete
-- Deletes a session; the messages that were said in it stay.
-- $1 owner_key, $2 owner_id, $3 session_id, $4 user_id or NULL for all users.
DELETE FROM /*schema*/sessions s
WHERE s.owner_key = $1::bigint AND s.owner_id = $2::text AND s.session_id = $3::text
  AND /*use session_live*/
RETURNING /*use transaction_mark*/;

-- name: sessions_purge
-- Deletes sessions that are past their end.
-- $1 owner_key, $2 owner_id, $3 only what ended before this time (NULL: all), $4 user_id or NULL for
-- all users, $5 how many at the most. Waits for what is locked: it may be an earlier attempt of this
-- very call, whose connection was lost and whose transaction is still open.
WITH ended AS MATERIALIZED (
  SELECT s.session_id FROM /*schema*/sessions s
  WHERE s.owner_key = $1::bigint AND s.owner_id IS NOT DISTINCT FROM $2::text
    AND s.expires_at <= now() AND ($3::timestamptz IS NULL OR s.expires_at < $3::timestamptz)
    AND ($4::text IS NULL OR s.user_id = $4::text)
  ORDER BY s.expires_at, s.session_id LIMIT $5::integer
  FOR UPDATE
)
DELETE FROM /*schema*/sessions s USING ended e
WHERE s.owner_key = $1::bigint AND s.owner_id = $2::text AND s.session_id = e.session_id
  AND s.expires_at <= now()
RETURNING /*use transaction_mark*/;
