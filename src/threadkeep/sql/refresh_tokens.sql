-- fragment: refresh_columns
n.token_id, n.owner_id, n.user_id, n.generation, n.created_at, n.updated_at, n.expires_at,
  n.revoked_at

-- name: refresh_create
-- Begins a line of refresh tokens; one that stands so already is the answer. No row: the id is
-- another user's, or its line is used, revoked or past its end.
-- $1 owner_key, $2 owner_id, $3 token_id, $4 user_id, $5 seconds that it is good for.
WITH g AS MATERIALIZED (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner
)
INSERT INTO /*schema*/refresh_tokens AS n (
  owner_key, generation, created_at, updated_at, expires_at, owner_id, token_id, user_id)
SELECT $1::bigint, 0, now(), now(), now() + make_interval(secs => $5::float8), $2::text, $3::text,
       $4::text
FROM g
ON CONFLICT (owner_key, owner_id, token_id) DO UPDATE SET generation = n.generation
WHERE n.generation = 0 AND n.revoked_at IS NULL AND n.expires_at > excluded.created_at
  AND n.user_id IS NOT DISTINCT FROM excluded.user_id
RETURNING /*use refresh_columns*/;

-- name: refresh_get
-- One line, and whether it is past its end.
-- $1 owner_key, $2 owner_id, $3 token_id, $4 user_id or NULL for all users.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT n.expires_at <= now() AS past, /*use refresh_columns*/ FROM /*schema*/refresh_tokens n
  WHERE n.owner_key = $1::bigint AND n.owner_id = $2::text
    AND n.token_id BETWEEN $3::text AND $3::text
    AND ($4::text IS NULL OR n.user_id = $4::text) AND g.owner IS NOT NULL
  ORDER BY n.token_id LIMIT 1
) r;

-- name: refresh_lock
-- Locks a line for the transaction; reads it, whether it is past its end, and what tells the
-- transaction from others, as thread_lock.
-- $1 owner_key, $2 owner_id, $3 token_id, $4 user_id or NULL for all users.
SELECT n.expires_at <= now(), /*use refresh_columns*/, /*use transaction_mark*/
FROM (
  SELECT n.* FROM /*schema*/refresh_tokens n
  WHERE n.owner_key = $1::bigint AND n.owner_id = $2::text
    AND n.token_id BETWEEN $3::text AND $3::text
    AND ($4::text IS NULL OR n.user_id = $4::text)
  ORDER BY n.token_id LIMIT 1
  FOR UPDATE
) n;

-- name: refresh_use
-- Makes the next generation of a locked line.
-- $1 owner_key, $2 owner_id, $3 token_id, $4 the generation that is used, $5 seconds that the line
-- is good for from now on.
UPDATE /*schema*/refresh_tokens n SET
  generation = n.generation + 1,
  updated_at = now(),
  expires_at = now() + make_interval(secs => $5::float8)
WHERE n.owner_key = $1::bigint AND n.owner_id = $2::text AND n.token_id = $3::text
  AND n.generation = $4::bigint
RETURNING /*use refresh_columns*/;

-- name: refresh_revoke
-- Revokes a line; one that is revoked already stays as it is.
-- $1 owner_key, $2 owner_id, $3 token_id, $4 user_id or NULL for all users.
UPDATE /*schema*/refresh_tokens n SET
  updated_at = CASE WHEN n.revoked_at IS NULL THEN now() ELSE n.updated_at END,
  revoked_at = coalesce(n.revoked_at, now())
WHERE n.owner_key = $1::bigint AND n.owner_id = $2::text AND n.token_id = $3::text
  AND ($4::text IS NULL OR n.user_id = $4::text)
RETURNING n.token_id;

-- name: refresh_purge_all
-- Deletes lines of all owners that are past their end, for the admin role; waits as sessions_purge.
-- $1 only what ended before this time (NULL: all), $2 how many at the most.
WITH ended AS MATERIALIZED (
  SELECT n.owner_key, n.owner_id, n.token_id FROM /*schema*/refresh_tokens n
  WHERE n.expires_at <= now() AND ($1::timestamptz IS NULL OR n.expires_at < $1::timestamptz)
  ORDER BY n.expires_at, n.token_id LIMIT $2::integer
  FOR UPDATE
)
DELETE FROM /*schema*/refresh_tokens n USING ended e
WHERE n.owner_key = e.owner_key AND n.owner_id = e.owner_id AND n.token_id = e.token_id
  AND n.expires_at <= now()
RETURNING /*use transaction_mark*/;

-- name: refresh_purge
-- Deletes lines that are past their end; waits for what is locked, as sessions_purge.
-- $1 owner_key, $2 owner_id, $3 only what ended before this time (NULL: all), $4 user_id or NULL for
-- all users, $5 how many at the most.
WITH ended AS MATERIALIZED (
  SELECT n.token_id FROM /*schema*/refresh_tokens n
  WHERE n.owner_key = $1::bigint AND n.owner_id IS NOT DISTINCT FROM $2::text
    AND n.expires_at <= now() AND ($3::timestamptz IS NULL OR n.expires_at < $3::timestamptz)
    AND ($4::text IS NULL OR n.user_id = $4::text)
  ORDER BY n.expires_at, n.token_id LIMIT $5::integer
  FOR UPDATE
)
DELETE FROM /*schema*/refresh_tokens n USING ended e
WHERE n.owner_key = $1::bigint AND n.owner_id = $2::text AND n.token_id = e.token_id
  AND n.expires_at <= now()
RETURNING /*use transaction_mark*/;
