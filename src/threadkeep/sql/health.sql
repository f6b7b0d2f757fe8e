-- What `threadkeep doctor` looks at. The blocks that name no table of ours run on any server, also
-- one that is too old for the rest, and ask for no privilege.

-- name: health_server
-- What the server says of itself and of this session.
SELECT current_setting('server_version'), current_setting('server_version_num')::integer,
       current_database()::text, current_setting('server_encoding'),
       extract(epoch FROM pg_postmaster_start_time())::text,
       pg_is_in_recovery(), current_setting('transaction_read_only')::boolean,
       current_setting('fsync')::boolean, current_setting('full_page_writes')::boolean,
       current_setting('synchronous_commit'), current_setting('synchronous_standby_names'),
       current_setting('max_connections')::integer
         - current_setting('superuser_reserved_connections')::integer
         - coalesce(current_setting('reserved_connections', true)::integer, 0),
       (SELECT least(nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1))
        FROM pg_catalog.pg_roles r CROSS JOIN pg_catalog.pg_database d
        WHERE r.rolname = session_user AND d.datname = current_database()),
       (SELECT CASE WHEN s.ssl THEN s.version END
        FROM pg_catalog.pg_stat_ssl s WHERE s.pid = pg_backend_pid()),
       host(inet_client_addr());

-- name: health_clock
-- The server's clock.
SELECT clock_timestamp();

-- name: health_role
-- Who we are, and what of what there is we are.
-- $1 app role, $2 admin role, $3 schema, $4 the tables that hold rows of owners.
SELECT current_user::text, r.rolsuper, r.rolbypassrls,
       EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1::text),
       EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $2::text),
       EXISTS (SELECT FROM pg_catalog.pg_roles a
               WHERE a.rolname = $1::text AND pg_has_role(current_user, a.oid, 'USAGE')),
       EXISTS (SELECT FROM pg_catalog.pg_roles a
               WHERE a.rolname = $2::text AND pg_has_role(current_user, a.oid, 'USAGE')),
       EXISTS (SELECT FROM pg_catalog.pg_class c
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = $3::text AND c.relname = ANY ($4::text[])
                 AND pg_has_role(current_user, c.relowner, 'USAGE'))
FROM pg_catalog.pg_roles r WHERE r.rolname = current_user;

-- name: health_extensions
-- Which of these extensions are installed here, and which could be. $1 their names.
SELECT w.name, a.installed_version::text, a.default_version::text
FROM unnest($1::text[]) AS w (name)
LEFT JOIN pg_catalog.pg_available_extensions a ON a.name = w.name
ORDER BY w.name;

-- name: health_limits
-- For a transaction that tries row-level security: it waits for nobody, and reads no whole table.
SELECT set_config('lock_timeout', '2s', true), set_config('statement_timeout', '10s', true),
       set_config('enable_seqscan', 'off', true);

-- name: health_as
-- The transaction goes on as this owner; '' is none. $1 owner_key as text.
SELECT set_config('threadkeep.owner', $1::text, true);

-- name: health_plant
-- A row of an owner in each table, for a transaction that is rolled back.
-- $1 owner_key, $2 owner_id.
WITH t AS (
  INSERT INTO /*schema*/threads (
    owner_key, next_seq, structure, revision, message_count, created_at, updated_at, active_at,
    turns, owner_id, thread_id, status)
  VALUES ($1::bigint, 2, 0, 0, 1, now(), now(), now(), 1, $2::text, 'doctor', 'active')
  RETURNING thread_key
),
m AS (
  INSERT INTO /*schema*/messages (
    owner_key, thread_key, seq, anchor, created_at, updated_at, turn, tokens, starts, cut,
    message_id, role, status, format, payload)
  SELECT $1::bigint, t.thread_key, 1, 1, now(), now(), 1, 0, true, true,
         'doctor', 'user', 'complete', 'threadkeep', '{}'
  FROM t
  RETURNING thread_key, seq
),
r AS (
  INSERT INTO /*schema*/runs (
    owner_key, thread_key, started_at, renewed_at, lease_until, exclusive, run_id, status)
  SELECT $1::bigint, t.thread_key, now(), now(), now(), false, 'doctor', 'running'
  FROM t
),
s AS (
  INSERT INTO /*schema*/sessions (
    owner_key, thread_key, created_at, updated_at, owner_id, session_id)
  SELECT $1::bigint, t.thread_key, now(), now(), $2::text, 'doctor' FROM t
),
p AS (
  INSERT INTO /*schema*/spans (
    owner_key, thread_key, started_at, owner_id, span_id, name, type, status)
  SELECT $1::bigint, t.thread_key, now(), $2::text, 'doctor', 'doctor', 'chain', 'running' FROM t
),
a AS (
  INSERT INTO /*schema*/attachments (
    owner_key, thread_key, created_at, updated_at, owner_id, attachment_id, name, media_type)
  SELECT $1::bigint, t.thread_key, now(), now(), $2::text, 'doctor', 'doctor', 'text/plain' FROM t
),
f AS (
  INSERT INTO /*schema*/feedback (
    owner_key, thread_key, seq, created_at, updated_at, user_id, kind)
  SELECT $1::bigint, m.thread_key, m.seq, now(), now(), 'doctor', 'positive' FROM m
),
k AS (
  INSERT INTO /*schema*/api_keys (
    owner_key, created_at, updated_at, owner_id, key_id, name, scopes, hash)
  SELECT $1::bigint, now(), now(), $2::text, 'doctor', 'doctor', '{}', sha256('') FROM t
),
n AS (
  INSERT INTO /*schema*/refresh_tokens (
    owner_key, generation, created_at, updated_at, expires_at, owner_id, token_id)
  SELECT $1::bigint, 0, now(), now(), now(), $2::text, 'doctor' FROM t
),
e AS (
  INSERT INTO /*schema*/events (
    owner_key, thread_key, created_at, owner_id, event_id, kind)
  SELECT $1::bigint, t.thread_key, now(), $2::text, 'doctor', 'doctor' FROM t
),
c AS (
  INSERT INTO /*schema*/scores (
    owner_key, thread_key, value, created_at, owner_id, score_id, name, type)
  SELECT $1::bigint, t.thread_key, 1, now(), $2::text, 'doctor', 'doctor', 'numeric' FROM t
)
SELECT t.thread_key FROM t;

-- name: health_seen
-- In which tables the planted rows are seen. $1 owner_key, $2 thread_key.
SELECT s.name FROM (
  SELECT 'api_keys', EXISTS (SELECT FROM /*schema*/api_keys k
                             WHERE k.owner_key = $1::bigint AND k.key_id = 'doctor')
  UNION ALL
  SELECT 'attachments', EXISTS (SELECT FROM /*schema*/attachments a
                                WHERE a.owner_key = $1::bigint AND a.thread_key = $2::bigint)
  UNION ALL
  SELECT 'events', EXISTS (SELECT FROM /*schema*/events e
                         WHERE e.owner_key = $1::bigint AND e.thread_key = $2::bigint)
  UNION ALL
  SELECT 'feedback', EXISTS (SELECT FROM /*schema*/feedback f
                             WHERE f.owner_key = $1::bigint AND f.thread_key = $2::bigint)
  UNION ALL
  SELECT 'messages', EXISTS (SELECT FROM /*schema*/messages m
                             WHERE m.owner_key = $1::bigint AND m.thread_key = $2::bigint)
  UNION ALL
  SELECT 'refresh_tokens', EXISTS (SELECT FROM /*schema*/refresh_tokens n
                                   WHERE n.owner_key = $1::bigint AND n.token_id = 'doctor')
  UNION ALL
  SELECT 'runs', EXISTS (SELECT FROM /*schema*/runs r
                         WHERE r.owner_key = $1::bigint AND r.thread_key = $2::bigint)
  UNION ALL
  SELECT 'scores', EXISTS (SELECT FROM /*schema*/scores c
                           WHERE c.owner_key = $1::bigint AND c.thread_key = $2::bigint)
  UNION ALL
  SELECT 'sessions', EXISTS (SELECT FROM /*schema*/sessions s
                             WHERE s.owner_key = $1::bigint AND s.thread_key = $2::bigint)
  UNION ALL
  SELECT 'spans', EXISTS (SELECT FROM /*schema*/spans p
                          WHERE p.owner_key = $1::bigint AND p.thread_key = $2::bigint)
  UNION ALL
  SELECT 'threads', EXISTS (SELECT FROM /*schema*/threads t
                            WHERE t.owner_key = $1::bigint AND t.thread_key = $2::bigint)
) AS s (name, seen)
WHERE s.seen;

-- name: health_intrude_api_keys
-- A key for the planted owner, by somebody else. $1 owner_key, $2 thread_key, not used.
INSERT INTO /*schema*/api_keys (
  owner_key, created_at, updated_at, owner_id, key_id, name, scopes, hash)
VALUES ($1::bigint, now(), now(), 'doctor', $2::bigint::text, 'intruder', '{}', sha256(''));

-- name: health_intrude_attachments
-- An attachment of the planted thread, by somebody else. $1 owner_key, $2 thread_key.
INSERT INTO /*schema*/attachments (
  owner_key, thread_key, created_at, updated_at, owner_id, attachment_id, name, media_type)
VALUES ($1::bigint, $2::bigint, now(), now(), 'doctor', 'intruder', 'intruder', 'text/plain');

-- name: health_intrude_events
-- An event of the planted thread, by somebody else. $1 owner_key, $2 thread_key.
INSERT INTO /*schema*/events (
  owner_key, thread_key, created_at, owner_id, event_id, kind)
VALUES ($1::bigint, $2::bigint, now(), 'doctor', 'intruder', 'intruder');

-- name: health_intrude_feedback
-- Feedback on the planted message, by somebody else. $1 owner_key, $2 thread_key.
INSERT INTO /*schema*/feedback (owner_key, thread_key, seq, created_at, updated_at, user_id, kind)
VALUES ($1::bigint, $2::bigint, 1, now(), now(), 'intruder', 'positive');

-- name: health_intrude_messages
-- A message under the planted thread, by somebody else. $1 owner_key, $2 thread_key.
INSERT INTO /*schema*/messages (
  owner_key, thread_key, seq, anchor, created_at, updated_at, turn, tokens, starts, cut,
  message_id, role, status, format, payload)
VALUES ($1::bigint, $2::bigint, 2, 1, now(), now(), 1, 0, false, true,
        'intruder', 'user', 'complete', 'threadkeep', '{}');

-- name: health_intrude_refresh_tokens
-- A refresh token of the planted owner, by somebody else. $1 owner_key, $2 thread_key, not used.
INSERT INTO /*schema*/refresh_tokens (
  owner_key, generation, created_at, updated_at, expires_at, owner_id, token_id)
VALUES ($1::bigint, 0, now(), now(), now(), 'doctor', $2::bigint::text);

-- name: health_intrude_runs
-- A run of the planted thread, by somebody else. $1 owner_key, $2 thread_key.
INSERT INTO /*schema*/runs (
  owner_key, thread_key, started_at, renewed_at, lease_until, exclusive, run_id, status)
VALUES ($1::bigint, $2::bigint, now(), now(), now(), false, 'intruder', 'running');

-- name: health_intrude_scores
-- A score of the planted thread, by somebody else. $1 owner_key, $2 thread_key.
INSERT INTO /*schema*/scores (
  owner_key, thread_key, value, created_at, owner_id, score_id, name, type)
VALUES ($1::bigint, $2::bigint, 1, now(), 'doctor', 'intruder', 'intruder', 'numeric');

-- name: health_intrude_sessions
-- A session of the planted thread, by somebody else. $1 owner_key, $2 thread_key.
INSERT INTO /*schema*/sessions (
  owner_key, thread_key, created_at, updated_at, owner_id, session_id)
VALUES ($1::bigint, $2::bigint, now(), now(), 'doctor', 'intruder');

-- name: health_intrude_spans
-- A span of the planted thread, by somebody else. $1 owner_key, $2 thread_key.
INSERT INTO /*schema*/spans (
  owner_key, thread_key, started_at, owner_id, span_id, name, type, status)
VALUES ($1::bigint, $2::bigint, now(), 'doctor', 'intruder', 'intruder', 'chain', 'running');

-- name: health_intrude_threads
-- A thread of the planted one's owner, by somebody else. $1 owner_key, $2 the planted thread_key.
INSERT INTO /*schema*/threads (
  owner_key, next_seq, structure, revision, message_count, created_at, updated_at, active_at,
  turns, owner_id, thread_id, status)
VALUES ($1::bigint, 1, 0, 0, 0, now(), now(), now(), 0, 'doctor', $2::bigint::text, 'active');

-- name: health_peek
-- What a transaction that may only read sees of each table: is there anything in it, and is any of
-- that shown. $1 schema, $2 the tables.
SELECT c.relname::text, pg_relation_size(c.oid) > 0,
       CASE c.relname WHEN 'api_keys' THEN EXISTS (SELECT FROM /*schema*/api_keys)
                      WHEN 'attachments' THEN EXISTS (SELECT FROM /*schema*/attachments)
                      WHEN 'events' THEN EXISTS (SELECT FROM /*schema*/events)
                      WHEN 'feedback' THEN EXISTS (SELECT FROM /*schema*/feedback)
                      WHEN 'messages' THEN EXISTS (SELECT FROM /*schema*/messages)
                      WHEN 'refresh_tokens' THEN EXISTS (SELECT FROM /*schema*/refresh_tokens)
                      WHEN 'runs' THEN EXISTS (SELECT FROM /*schema*/runs)
                      WHEN 'scores' THEN EXISTS (SELECT FROM /*schema*/scores)
                      WHEN 'sessions' THEN EXISTS (SELECT FROM /*schema*/sessions)
                      WHEN 'spans' THEN EXISTS (SELECT FROM /*schema*/spans)
                      WHEN 'threads' THEN EXISTS (SELECT FROM /*schema*/threads) END
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND c.relname = ANY ($2::text[])
ORDER BY c.relname;

-- name: health_lapsed
-- How many runs were interrupted and are not written down as such, of all owners; for the admin.
-- $1 where to stop counting.
SELECT count(*) FROM (
  SELECT FROM /*schema*/runs r WHERE r.status = 'running' AND r.lease_until <= now()
  LIMIT $1::integer
) r;
