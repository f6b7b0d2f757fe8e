-- fragment: score_columns
-- A thread that this user does not reach has no id here.
c.score_id, c.name, c.type, c.value, c.text_value, c.comment,
  (SELECT t.thread_id FROM /*schema*/threads t
   WHERE t.owner_key = $1::bigint AND t.thread_key BETWEEN c.thread_key AND c.thread_key
     AND t.owner_id IS NOT DISTINCT FROM $2::text AND ($4::text IS NULL OR t.user_id = $4::text)
   ORDER BY t.thread_key LIMIT 1),
  c.message_id, c.run, c.user_id, c.created_at

-- name: score_create
-- Stores a score, or gives the same one that is stored. No row: the thread is unknown, or the id is
-- another score's. The thread is locked before the score, as by its deletion.
-- $1 owner_key, $2 owner_id, $3 thread_id or NULL for none, $4 user_id of the handle, $5 score_id,
-- $6 user_id if the handle has none, $7 name, $8 type, $9 value, $10 text_value, $11 comment,
-- $12 message_id, $13 run.
WITH g AS MATERIALIZED (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner
),
t AS MATERIALIZED (
  SELECT l.* FROM g CROSS JOIN LATERAL (
    SELECT t.thread_key, t.user_id FROM (/*use named_thread*/ FOR KEY SHARE) t
  ) l
  UNION ALL
  SELECT NULL::bigint, NULL::text FROM g WHERE $3::text IS NULL AND g.owner IS NOT NULL
)
INSERT INTO /*schema*/scores AS c (
  owner_key, thread_key, value, created_at, owner_id, score_id, user_id, name, type, text_value,
  comment, message_id, run)
SELECT $1::bigint, t.thread_key, $9::float8, now(), $2::text, $5::text,
       coalesce($4::text, $6::text, t.user_id), $7::text, $8::text, $10::text, $11::text,
       $12::text, $13::text
FROM t
ON CONFLICT (owner_key, owner_id, score_id) DO UPDATE SET score_id = excluded.score_id
WHERE (c.thread_key, c.value, c.user_id, c.name, c.type, c.text_value, c.comment, c.message_id,
       c.run)
  IS NOT DISTINCT FROM (excluded.thread_key, excluded.value, excluded.user_id, excluded.name,
                        excluded.type, excluded.text_value, excluded.comment,
                        excluded.message_id, excluded.run)
RETURNING /*use score_columns*/;

-- name: score_held
-- Whether there is a score of an id here.
-- $1 owner_key, $2 owner_id, $3 score_id, $4 user_id or NULL for all users.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT c.score_id FROM /*schema*/scores c
  WHERE c.owner_key = $1::bigint AND c.owner_id = $2::text
    AND c.score_id BETWEEN $3::text AND $3::text
    AND ($4::text IS NULL OR c.user_id = $4::text) AND g.owner IS NOT NULL
  ORDER BY c.score_id LIMIT 1
) r;

-- fragment: kept_scores
-- A page of c, which is the rows to look at in order, with the number of each. The last of them is
-- returned even if it does not match (kept is false), so that the next page knows where to go on.
SELECT c.n, c.kept, /*use score_columns*/
FROM (
  SELECT c.*, row_number() OVER () AS n,
         (($9::text IS NULL OR c.name = $9::text)
          AND ($10::text IS NULL OR c.user_id = $10::text)) IS TRUE AS kept
  FROM c
) c
WHERE c.kept OR c.n = $12::bigint
LIMIT $11::integer

-- name: scores_newest, scores_oldest reversed
-- A page of an owner's scores by when they were stored.
-- Parameters as in events_newest, but $9 name.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH c AS (
    SELECT c.* FROM /*schema*/scores c
    WHERE c.owner_key = $1::bigint AND c.owner_id IS NOT DISTINCT FROM $2::text
      AND (c.created_at, c.score_id) /*past*/< ($5::timestamptz, $6::text)
      AND c.created_at >= $7::timestamptz AND c.created_at < $8::timestamptz
      AND g.owner IS NOT NULL AND $3::text IS NULL
    ORDER BY c.created_at /*dir*/DESC, c.score_id /*dir*/DESC LIMIT $12::bigint
  )
  /*use kept_scores*/
) r;

-- name: scores_of_thread_newest, scores_of_thread_oldest reversed
-- The same of one thread.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH c AS (
    SELECT c.* FROM (/*use named_thread*/) t CROSS JOIN LATERAL (
      SELECT c.* FROM /*schema*/scores c
      WHERE c.owner_key = $1::bigint AND c.thread_key BETWEEN t.thread_key AND t.thread_key
        AND (c.thread_key, c.created_at, c.score_id) /*past*/<
          (t.thread_key, $5::timestamptz, $6::text)
        AND c.created_at >= $7::timestamptz AND c.created_at < $8::timestamptz
      ORDER BY c.thread_key /*dir*/DESC, c.created_at /*dir*/DESC, c.score_id /*dir*/DESC
      LIMIT $12::bigint
    ) c
  )
  /*use kept_scores*/
) r;
