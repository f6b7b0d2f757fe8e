-- name: feedback_set
-- Writes what a user thinks of a message; created_at stays. No row: the message is unknown. The
-- message is locked before the feedback, as by its deletion.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id the thread must have (NULL: any),
-- $5 message_id, $6 user_id of the feedback, empty for none, $7 kind, $8 comment.
WITH g AS MATERIALIZED (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner
),
m AS MATERIALIZED (
  SELECT l.* FROM g CROSS JOIN LATERAL (
    SELECT m.thread_key, m.seq FROM (/*use named_thread*/) t CROSS JOIN LATERAL (
      SELECT m.thread_key, m.seq FROM /*schema*/messages m
      WHERE m.owner_key = $1::bigint AND m.thread_key = t.thread_key
        AND m.message_id BETWEEN $5::text AND $5::text
      ORDER BY m.message_id LIMIT 1
      FOR KEY SHARE
    ) m
  ) l
)
INSERT INTO /*schema*/feedback AS f (
  owner_key, thread_key, seq, created_at, updated_at, user_id, kind, comment)
SELECT $1::bigint, m.thread_key, m.seq, now(), now(), $6::text, $7::text, $8::text FROM m
ON CONFLICT (owner_key, thread_key, seq, user_id) DO UPDATE SET
  updated_at = excluded.updated_at, kind = excluded.kind, comment = excluded.comment
RETURNING f.seq, $5::text, nullif(f.user_id, ''), f.kind, f.comment, f.created_at, f.updated_at;

-- name: feedback_newest, feedback_oldest reversed
-- A page of what users think of a thread's messages, by seq and user.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id, whose feedback it then is too, $5 and $6 the
-- place to start after, $7 rows.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT f.seq, m.message_id, nullif(f.user_id, ''), f.kind, f.comment, f.created_at, f.updated_at
  FROM (/*use named_thread*/) t CROSS JOIN LATERAL (
    SELECT f.* FROM /*schema*/feedback f
    WHERE f.owner_key = $1::bigint AND f.thread_key = t.thread_key
      AND ($4::text IS NULL OR f.user_id = $4::text)
      AND (f.seq, f.user_id) /*past*/< ($5::bigint, $6::text)
    ORDER BY f.seq /*dir*/DESC, f.user_id /*dir*/DESC LIMIT $7::integer
  ) f CROSS JOIN LATERAL (
    SELECT m.message_id FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = f.thread_key
      AND m.seq BETWEEN f.seq AND f.seq
    ORDER BY m.seq LIMIT 1
  ) m
) r;

-- name: feedback_delete
-- Takes back what a user thinks of a message of a locked thread.
-- $1 owner_key, $2 thread_key, $3 seq of the message, $4 user_id of the feedback, empty for none.
DELETE FROM /*schema*/feedback f
WHERE f.owner_key = $1::bigint AND f.thread_key = $2::bigint AND f.seq = $3::bigint
  AND f.user_id = $4::text
RETURNING f.seq;
