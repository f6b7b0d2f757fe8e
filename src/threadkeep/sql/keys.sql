-- fragment: key_columns
k.key_id, k.owner_id, k.user_id, k.name, k.scopes, k.created_at, k.updated_at, k.expires_at,
  k.revoked_at, k.replaces

-- name: key_create
-- Stores a new key under an id that only this call knows; tried again, it stands already.
-- $1 owner_key, $2 owner_id, $3 key_id, $4 user_id, $5 name, $6 scopes, $7 expires_at, $8 the key_id
-- that it replaces, $9 hash.
WITH g AS MATERIALIZED (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner
)
INSERT INTO /*schema*/api_keys AS k (
  owner_key, created_at, updated_at, expires_at, owner_id, key_id, user_id, name, scopes, hash,
  replaces)
SELECT $1::bigint, now(), now(), $7::timestamptz, $2::text, $3::text, $4::text, $5::text,
       $6::text[], $9::bytea, $8::text
FROM g
ON CONFLICT (owner_key, key_id, owner_id) DO UPDATE SET hash = k.hash
WHERE k.hash = excluded.hash
RETURNING /*use key_columns*/;

-- name: key_check
-- One key for whoever shows its text, with its hash and whether it is past its end. The text names
-- the owner_key only: whose the key is stands in its row.
-- $1 owner_key, $2 key_id.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT k.hash, (k.expires_at <= now()) IS TRUE AS past, /*use key_columns*/
  FROM /*schema*/api_keys k
  WHERE k.owner_key = $1::bigint AND k.key_id BETWEEN $2::text AND $2::text
    AND g.owner IS NOT NULL
  ORDER BY k.key_id LIMIT 1
) r;

-- name: key_get
-- One key by its id.
-- $1 owner_key, $2 owner_id, $3 key_id, $4 user_id or NULL for all users.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT /*use key_columns*/ FROM /*schema*/api_keys k
  WHERE k.owner_key = $1::bigint AND k.owner_id = $2::text
    AND k.key_id BETWEEN $3::text AND $3::text
    AND ($4::text IS NULL OR k.user_id = $4::text) AND g.owner IS NOT NULL
  ORDER BY k.key_id LIMIT 1
) r;

-- name: keys_newest, keys_oldest reversed
-- A page of an owner's keys by when they were made.
-- $1 owner_key, $2 owner_id, $3 user_id or NULL for all users, $4 whether revoked (NULL: any), $5 and
-- $6 the place to start after, $7 rows.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT /*use key_columns*/ FROM /*schema*/api_keys k
  WHERE k.owner_key = $1::bigint AND k.owner_id IS NOT DISTINCT FROM $2::text
    AND ($3::text IS NULL OR k.user_id = $3::text)
    AND ($4::boolean IS NULL OR (k.revoked_at IS NOT NULL) = $4::boolean)
    AND (k.created_at, k.key_id) /*past*/< ($5::timestamptz, $6::text)
    AND g.owner IS NOT NULL
  ORDER BY k.created_at /*dir*/DESC, k.key_id /*dir*/DESC LIMIT $7::integer
) r;

-- name: key_lock
-- Locks a key for the transaction; reads it, what tells the transaction from others, as thread_lock,
-- and whether the key is past its end.
-- $1 owner_key, $2 owner_id, $3 key_id, $4 user_id or NULL for all users.
SELECT /*use transaction_mark*/, (k.expires_at <= now()) IS TRUE, /*use key_columns*/
FROM (
  SELECT k.* FROM /*schema*/api_keys k
  WHERE k.owner_key = $1::bigint AND k.owner_id = $2::text
    AND k.key_id BETWEEN $3::text AND $3::text
    AND ($4::text IS NULL OR k.user_id = $4::text)
  ORDER BY k.key_id LIMIT 1
  FOR UPDATE
) k;

-- name: key_successor
-- The key that was made to replace a locked one, if there is one. The keys of an owner are few.
-- $1 owner_key, $2 owner_id, $3 key_id.
SELECT r.key_id FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT k.key_id FROM /*schema*/api_keys k
  WHERE k.owner_key = $1::bigint AND k.owner_id = $2::text AND k.replaces = $3::text
    AND g.owner IS NOT NULL
  ORDER BY k.key_id LIMIT 1
) r;

-- name: key_expire
-- Lets a locked key end after some time, or when it would have ended before that.
-- $1 owner_key, $2 owner_id, $3 key_id, $4 seconds.
UPDATE /*schema*/api_keys k SET
  updated_at = now(),
  expires_at = least(k.expires_at, now() + make_interval(secs => $4::float8))
WHERE k.owner_key = $1::bigint AND k.owner_id = $2::text AND k.key_id = $3::text
RETURNING k.key_id;

-- name: key_revoke
-- Revokes a key; one that is revoked already stays as it is.
-- $1 owner_key, $2 owner_id, $3 key_id, $4 user_id or NULL for all users.
UPDATE /*schema*/api_keys k SET
  updated_at = CASE WHEN k.revoked_at IS NULL THEN now() ELSE k.updated_at END,
  revoked_at = coalesce(k.revoked_at, now())
WHERE k.owner_key = $1::bigint AND k.owner_id = $2::text AND k.key_id = $3::text
  AND ($4::text IS NULL OR k.user_id = $4::text)
RETURNING /*use key_columns*/;
