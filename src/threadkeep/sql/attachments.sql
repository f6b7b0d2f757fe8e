-- fragment: attachment_columns
a.attachment_id, a.owner_id, a.user_id,
  (SELECT t.thread_id FROM /*schema*/threads t
   WHERE t.owner_key = $1::bigint AND t.thread_key BETWEEN a.thread_key AND a.thread_key
   ORDER BY t.thread_key LIMIT 1),
  a.name, a.media_type, a.size, a.metadata::text, a.created_at, a.updated_at, a.stored_at, a.format,
  a.payload::text

-- name: attachment_save
-- Makes an attachment, or writes what is given over it; created_at and user_id stay. No row: the
-- thread is unknown, or the id is another user's. The thread is locked before the attachment, as by
-- a deletion of the thread, so that the two never wait for each other.
-- $1 owner_key, $2 owner_id, $3 thread_id or NULL for none, $4 user_id the thread must have (NULL:
-- any), $5 attachment_id, $6 user_id of the attachment (NULL: none for a new one, any for an old
-- one), $7 name, $8 media_type, $9 size, $10 format, $11 payload, $12 whether the thread is given,
-- then flag and value of metadata and stored_at.
WITH g AS MATERIALIZED (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner
),
t AS MATERIALIZED (
  SELECT l.thread_key FROM g CROSS JOIN LATERAL (
    SELECT t.thread_key FROM (/*use named_thread*/ FOR KEY SHARE) t
  ) l
  UNION ALL
  SELECT NULL::bigint FROM g WHERE $3::text IS NULL AND g.owner IS NOT NULL
)
INSERT INTO /*schema*/attachments AS a (
  owner_key, thread_key, size, created_at, updated_at, stored_at, owner_id, attachment_id, user_id,
  name, media_type, metadata, format, payload)
SELECT $1::bigint, t.thread_key, $9::bigint, now(), now(), $16::timestamptz, $2::text, $5::text,
       $6::text, $7::text, $8::text, $14::text::jsonb, $10::text, $11::text::json
FROM t
ON CONFLICT (owner_key, owner_id, attachment_id) DO UPDATE SET
  thread_key = CASE WHEN $12::boolean THEN excluded.thread_key ELSE a.thread_key END,
  size = excluded.size,
  updated_at = excluded.updated_at,
  stored_at = CASE WHEN $15::boolean THEN excluded.stored_at ELSE a.stored_at END,
  name = excluded.name,
  media_type = excluded.media_type,
  metadata = CASE WHEN $13::boolean THEN excluded.metadata ELSE a.metadata END,
  format = excluded.format,
  payload = excluded.payload
WHERE $6::text IS NULL OR a.user_id = $6::text
RETURNING /*use attachment_columns*/;

-- name: attachments_get
-- The attachments of some ids, in the order of the ids; an unknown one has no row.
-- $1 owner_key, $2 owner_id, $3 user_id or NULL for all users, $4 attachment_ids.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT /*use attachment_columns*/
  FROM unnest($4::text[]) WITH ORDINALITY AS x (attachment_id, n) CROSS JOIN LATERAL (
    SELECT a.* FROM /*schema*/attachments a
    WHERE a.owner_key = $1::bigint AND a.owner_id = $2::text
      AND a.attachment_id BETWEEN x.attachment_id AND x.attachment_id
      AND ($3::text IS NULL OR a.user_id = $3::text) AND g.owner IS NOT NULL
    ORDER BY a.attachment_id LIMIT 1
  ) a
  ORDER BY x.n
) r;

-- name: attachments_newest, attachments_oldest reversed
-- A page of an owner's attachments by when they were made.
-- $1 owner_key, $2 owner_id, $3 and $4 the place to start after, $5 rows.
-- As for threads, an equality of owner_id would let the planner read and sort all of the owner's.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT /*use attachment_columns*/ FROM /*schema*/attachments a
  WHERE a.owner_key = $1::bigint AND a.owner_id IS NOT DISTINCT FROM $2::text
    AND (a.created_at, a.attachment_id) /*past*/< ($3::timestamptz, $4::text)
    AND g.owner IS NOT NULL
  ORDER BY a.created_at /*dir*/DESC, a.attachment_id /*dir*/DESC LIMIT $5::integer
) r;

-- name: attachments_of_user_newest, attachments_of_user_oldest reversed
-- The same of one user, $6 user_id.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT /*use attachment_columns*/ FROM /*schema*/attachments a
  WHERE a.owner_key = $1::bigint AND a.owner_id IS NOT DISTINCT FROM $2::text
    AND a.user_id = $6::text
    AND (a.created_at, a.attachment_id) /*past*/< ($3::timestamptz, $4::text)
    AND g.owner IS NOT NULL
  ORDER BY a.created_at /*dir*/DESC, a.attachment_id /*dir*/DESC LIMIT $5::integer
) r;

-- name: attachments_of_thread_newest, attachments_of_thread_oldest reversed
-- The same of one thread.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id, $5 and $6 the place to start after, $7 rows.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT /*use attachment_columns*/
  FROM (/*use named_thread*/) t CROSS JOIN LATERAL (
    SELECT a.* FROM /*schema*/attachments a
    WHERE a.owner_key = $1::bigint AND a.thread_key = t.thread_key
      AND ($4::text IS NULL OR a.user_id = $4::text)
      AND (a.created_at, a.attachment_id) /*past*/< ($5::timestamptz, $6::text)
    ORDER BY a.created_at /*dir*/DESC, a.attachment_id /*dir*/DESC LIMIT $7::integer
  ) a
) r;

-- name: attachments_unused_newest, attachments_unused_oldest reversed
-- The same of those that no thread has and that were made before $6; $7 user_id or NULL for all.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT /*use attachment_columns*/ FROM /*schema*/attachments a
  WHERE a.owner_key = $1::bigint AND a.owner_id IS NOT DISTINCT FROM $2::text
    AND a.thread_key IS NULL AND a.created_at < $6::timestamptz
    AND ($7::text IS NULL OR a.user_id = $7::text)
    AND (a.created_at, a.attachment_id) /*past*/< ($3::timestamptz, $4::text)
    AND g.owner IS NOT NULL
  ORDER BY a.created_at /*dir*/DESC, a.attachment_id /*dir*/DESC LIMIT $5::integer
) r;

-- name: attachment_lock
-- Locks an attachment for the transaction, and reads what tells that from others, as thread_lock.
-- $1 owner_key, $2 owner_id, $3 attachment_id, $4 user_id or NULL for all users, $5 only one that no
-- thread has and that was made before this time (NULL: any).
SELECT concat_ws(' ', pg_current_xact_id(), pg_current_wal_insert_lsn(), pg_last_wal_replay_lsn())
FROM (
  SELECT a.attachment_id FROM /*schema*/attachments a
  WHERE a.owner_key = $1::bigint AND a.owner_id = $2::text
    AND a.attachment_id BETWEEN $3::text AND $3::text
    AND ($4::text IS NULL OR a.user_id = $4::text)
    AND ($5::timestamptz IS NULL OR (a.thread_key IS NULL AND a.created_at < $5::timestamptz))
  ORDER BY a.attachment_id LIMIT 1
  FOR UPDATE
) r;

-- name: attachment_delete
-- Removes a locked attachment.
-- $1 owner_key, $2 owner_id, $3 attachment_id.
DELETE FROM /*schema*/attachments a
WHERE a.owner_key = $1::bigint AND a.owner_id = $2::text AND a.attachment_id = $3::text
RETURNING a.attachment_id;
