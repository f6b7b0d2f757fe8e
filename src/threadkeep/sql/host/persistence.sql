-- fragment: message_columns
-- What is read of a message. A time outside of Python's years is moved to their end.
m./*column messages.message_id*/, m./*column messages.session_id*/, m./*column messages.user_id*/,
    m./*column messages.role*/, m./*column messages.parts_json*/::text,
    least(greatest(m./*column messages.created_at*/, timestamptz '0001-01-01 00:00:00+00'),
          timestamptz '9999-12-31 23:59:59.999999+00')

-- fragment: asked_for
-- $1 thread, $2 session or NULL, $3 user or NULL for all.
m./*column messages.thread_id*/ = $1::text
    AND ($2::text IS NULL OR m./*column messages.session_id*/ = $2::text)
    AND ($3::text IS NULL OR m./*column messages.user_id*/ = $3::text)

-- fragment: visible
-- The one rule on archived sessions: what was said in one is hidden, what was said in none or in one
-- that is unknown here is not.
/*use asked_for*/
    AND NOT EXISTS (
      SELECT FROM /*table sessions*/ s
      WHERE s./*column sessions.session_id*/ = m./*column messages.session_id*/
        AND ($3::text IS NULL OR s./*column sessions.user_id*/ = $3::text)
        AND s./*column sessions.archived_at*/ IS NOT NULL)

-- fragment: anchor
-- The message $4 of the thread, archived or not.
SELECT m./*column messages.order*/ AS place, m./*column messages.message_id*/ AS id
  FROM /*table messages*/ m
  WHERE m./*column messages.thread_id*/ = $1::text
    AND m./*column messages.message_id*/ = $4::text
    AND ($3::text IS NULL OR m./*column messages.user_id*/ = $3::text)

-- fragment: session_columns
-- What is read of a session, its times as a message's.
s./*column sessions.session_id*/, s./*column sessions.thread_id*/,
    s./*column sessions.sdk_version*/, s./*column sessions.state_json*/::text,
    s./*column sessions.metadata_json*/::text,
    least(greatest(s./*column sessions.created_at*/, timestamptz '0001-01-01 00:00:00+00'),
          timestamptz '9999-12-31 23:59:59.999999+00'),
    least(greatest(s./*column sessions.updated_at*/, timestamptz '0001-01-01 00:00:00+00'),
          timestamptz '9999-12-31 23:59:59.999999+00'),
    CASE WHEN s./*column sessions.archived_at*/ IS NOT NULL THEN
      least(greatest(s./*column sessions.archived_at*/, timestamptz '0001-01-01 00:00:00+00'),
            timestamptz '9999-12-31 23:59:59.999999+00') END
    , s./*column sessions.user_id*/
    , NULL::text /*without sessions.user_id*/

-- fragment: of_user
-- Whether the session is of user $1, or any where that is NULL.
($1::text IS NULL OR s./*column sessions.user_id*/ = $1::text)
$1::text IS NULL /*without sessions.user_id*/

-- fragment: foreign_thread
-- Whether the thread `given.thread_id` is not of user `given.user_id`: its last message, or a session.
given.user_id IS NOT NULL AND (
    (SELECT m./*column messages.user_id*/ IS DISTINCT FROM given.user_id
     FROM /*table messages*/ m WHERE m./*column messages.thread_id*/ = given.thread_id
     ORDER BY m./*column messages.order*/ DESC, m./*column messages.message_id*/ DESC LIMIT 1)
    IS TRUE
    OR EXISTS ( /*with sessions.user_id*/
      SELECT FROM /*table sessions*/ s /*with sessions.user_id*/
      WHERE s./*column sessions.thread_id*/ = given.thread_id /*with sessions.user_id*/
        AND s./*column sessions.user_id*/ IS DISTINCT FROM given.user_id)
  )

-- name: look
-- All that the catalog says of the tables, resolved as the server resolves them: a row on each, on
-- each of its columns, and on each column of a key that ON CONFLICT can use, of one that is deferrable
-- and of a foreign key. What they say is JSON.
-- $1 what we call them, $2 their schemas or NULL, $3 their names, $4 both, quoted.
WITH asked AS (
  SELECT a.label, a.name, a.quoted, n.oid AS namespace,
         a.schema IS NULL OR coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE'), true)
           AS usable
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS a (label, schema, name, quoted)
  LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = a.schema
),
found AS MATERIALIZED (
  -- Without USAGE on the schema to_regclass is an error.
  SELECT a.*, CASE WHEN a.usable THEN pg_catalog.to_regclass(a.quoted)::oid ELSE (
           SELECT c.oid FROM pg_catalog.pg_class c
           WHERE c.relnamespace = a.namespace AND c.relname = a.name) END AS oid
  FROM asked a
)
SELECT r.label, r.fact, r.name, pg_catalog.array_to_json(r.facts)::text FROM (
SELECT f.label, 'table' AS fact, current_user::text AS name, ARRAY[
  f.usable::text, f.oid::text, c.relkind::text, pg_catalog.row_security_active(f.oid)::text,
  pg_catalog.pg_relation_is_updatable(f.oid, false)::text,
  pg_catalog.has_table_privilege(f.oid, 'SELECT')::text,
  pg_catalog.has_table_privilege(f.oid, 'INSERT')::text,
  pg_catalog.has_table_privilege(f.oid, 'UPDATE')::text] AS facts
FROM found f LEFT JOIN pg_catalog.pg_class c ON c.oid = f.oid
UNION ALL
SELECT f.label, 'column', a.attname::text, ARRAY[
  t.type, coalesce(nullif(a.atttypmod, -1), t.modifier)::text, a.attnotnull::text, t.strict::text,
  (a.atthasdef OR a.attidentity <> '' OR t.filled)::text,
  (a.atthasdef AND a.attgenerated = '')::text, a.attidentity::text,
  -- Of a view that can be written to, not every column can.
  (a.attgenerated <> '' OR c.relkind = 'v' AND pg_catalog.pg_relation_is_updatable(f.oid, false) <> 0
    AND NOT pg_catalog.pg_column_is_updatable(f.oid, a.attnum, false))::text,
  EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = f.oid AND i.indisprimary
    AND a.attnum = ANY (i.indkey::int2[]))::text,
  EXISTS (SELECT FROM pg_catalog.pg_partitioned_table p WHERE p.partrelid = f.oid
    AND a.attnum = ANY (p.partattrs::int2[]))::text,
  coalesce((SELECT o.collisdeterministic FROM pg_catalog.pg_collation o
    WHERE o.oid = a.attcollation), true)::text,
  (SELECT pg_catalog.format('%I.%I', n.nspname, q.relname)
    FROM pg_catalog.pg_attrdef d
    JOIN pg_catalog.pg_depend e ON e.classid = 'pg_catalog.pg_attrdef'::regclass AND e.objid = d.oid
      AND e.refclassid = 'pg_catalog.pg_class'::regclass
    JOIN pg_catalog.pg_class q ON q.oid = e.refobjid
    JOIN pg_catalog.pg_namespace n ON n.oid = q.relnamespace
    WHERE d.adrelid = f.oid AND d.adnum = a.attnum
      -- Asked of anything else it is an error.
      AND CASE WHEN q.relkind = 'S'
        THEN NOT pg_catalog.has_sequence_privilege(q.oid, 'USAGE, UPDATE') END
    LIMIT 1),
  pg_catalog.has_column_privilege(f.oid, a.attnum, 'SELECT')::text,
  pg_catalog.has_column_privilege(f.oid, a.attnum, 'INSERT')::text,
  pg_catalog.has_column_privilege(f.oid, a.attnum, 'UPDATE')::text]
FROM found f JOIN pg_catalog.pg_class c ON c.oid = f.oid
JOIN pg_catalog.pg_attribute a ON a.attrelid = f.oid
CROSS JOIN LATERAL (
  -- The type below all domains, and what those say of the values.
  WITH RECURSIVE base AS (
    SELECT t.* FROM pg_catalog.pg_type t WHERE t.oid = a.atttypid
    UNION ALL
    SELECT t.* FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.typbasetype WHERE b.typtype = 'd')
  SELECT max(pg_catalog.format_type(b.oid, NULL)) FILTER (WHERE b.typtype <> 'd') AS type,
    max(nullif(b.typtypmod, -1)) AS modifier, bool_or(b.typnotnull) AS strict,
    bool_or(b.typdefault IS NOT NULL) AS filled
  FROM base b
) t
WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT f.label, 'key', i.indexrelid::text, ARRAY[a.attname::text]
FROM found f JOIN pg_catalog.pg_index i ON i.indrelid = f.oid
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, n)
JOIN pg_catalog.pg_attribute a ON a.attrelid = f.oid AND a.attnum = k.attnum
WHERE i.indisunique AND i.indisvalid AND i.indisready AND i.indimmediate
  AND i.indpred IS NULL AND i.indexprs IS NULL AND k.n <= i.indnkeyatts
UNION ALL
SELECT f.label, CASE r.contype WHEN 'f' THEN 'foreign' ELSE 'deferred' END, r.conname::text,
  ARRAY[a.attname::text]
FROM found f JOIN pg_catalog.pg_constraint r ON r.conrelid = f.oid
  AND (r.contype = 'f' OR r.contype IN ('p', 'u') AND r.condeferrable)
JOIN pg_catalog.pg_attribute a ON a.attrelid = f.oid AND a.attnum = ANY (r.conkey)
) r;

-- name: lock
-- Lets one writer at a time to a thread, until the transaction ends. A statement after this one sees
-- what the writer before has committed only at the level that is returned as `read committed`.
-- $1 thread, $2 the table of messages, quoted.
SELECT pg_catalog.current_setting('transaction_isolation'), pg_catalog.pg_advisory_xact_lock(
  pg_catalog.hashtextextended($1::text, $2::text::regclass::oid::bigint));

-- name: append
-- Adds messages after the last of a thread, all or none. A row for each: where it is known already,
-- what is stored; where one is refused, why. Runs under the thread's lock.
-- $1 thread, $2 user or NULL, $3 whether parts are jsonb, then by message: $4 ids, $5 sessions,
-- $6 users, $7 roles, $8 parts, $9 times or NULL.
-- A table of the app may have any name: the names of the steps are such that they hide none.
WITH threadkeep_given AS (SELECT $1::text AS thread_id, $2::text AS user_id),
threadkeep_asked AS MATERIALIZED (
  SELECT u.id, u.session, u.whose, u.role, u.parts, u.at::timestamptz AS at, u.n
  FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])
       WITH ORDINALITY AS u (id, session, whose, role, parts, at, n)
),
threadkeep_stored AS MATERIALIZED (
  SELECT a.n, m./*column messages.session_id*/ AS session, m./*column messages.user_id*/ AS whose,
         least(greatest(m./*column messages.created_at*/, timestamptz '0001-01-01 00:00:00+00'),
               timestamptz '9999-12-31 23:59:59.999999+00') AS at,
         m./*column messages.role*/ = a.role AND CASE WHEN $3::boolean
           THEN to_jsonb(m./*column messages.parts_json*/) = a.parts::jsonb
           ELSE m./*column messages.parts_json*/::text = a.parts END AS same,
         lag(m./*column messages.order*/) OVER (ORDER BY a.n) > m./*column messages.order*/
           AS astray
  FROM threadkeep_asked a JOIN /*table messages*/ m
    ON m./*column messages.thread_id*/ = $1::text AND m./*column messages.message_id*/ = a.id
),
threadkeep_fresh AS MATERIALIZED (
  SELECT a.*, row_number() OVER (ORDER BY a.n) AS i
  FROM threadkeep_asked a WHERE NOT EXISTS (SELECT FROM threadkeep_stored s WHERE s.n = a.n)
),
threadkeep_last AS MATERIALIZED (
  SELECT m./*column messages.order*/ AS place FROM /*table messages*/ m
  WHERE m./*column messages.thread_id*/ = $1::text
  ORDER BY m./*column messages.order*/ DESC LIMIT 1
),
threadkeep_verdict AS MATERIALIZED (
  SELECT CASE
      WHEN /*use foreign_thread*/ THEN 'foreign'
      WHEN EXISTS (SELECT FROM threadkeep_stored s WHERE NOT s.same) THEN 'differs'
      WHEN EXISTS (SELECT FROM threadkeep_stored s WHERE s.astray)
        OR (SELECT min(f.n) FROM threadkeep_fresh f) < (SELECT max(s.n) FROM threadkeep_stored s) THEN 'astray'
      WHEN EXISTS (SELECT FROM threadkeep_fresh f) AND (SELECT l.place FROM threadkeep_last l) /*without messages.seq*/
        >= timestamptz '9999-12-31 00:00:00+00' THEN 'full' /*without messages.seq*/
    END AS refused
  FROM threadkeep_given given
),
threadkeep_placed AS (
  SELECT f.*,
    -- Each later than all before it: the times are the order.
    greatest((SELECT l.place FROM threadkeep_last l), /*without messages.seq*/
             max(coalesce(f.at, statement_timestamp()) - f.i * interval '1 microsecond') /*without messages.seq*/
               OVER (ORDER BY f.i)) + f.i * interval '1 microsecond' AS created /*without messages.seq*/
    coalesce(f.at, statement_timestamp()) AS created, /*with messages.seq*/
    coalesce((SELECT l.place FROM threadkeep_last l), 0) + f.i AS seq /*with messages.seq*/
  FROM threadkeep_fresh f CROSS JOIN threadkeep_verdict v WHERE v.refused IS NULL
),
threadkeep_added AS (
  INSERT INTO /*table messages*/ AS m (
    /*column messages.thread_id*/, /*column messages.message_id*/, /*column messages.session_id*/,
    /*column messages.user_id*/, /*column messages.role*/, /*column messages.created_at*/,
    /*column messages.seq*/,
    /*column messages.parts_json*/)
  SELECT $1::text, p.id, p.session,
    p.whose, p.role, p.created,
    p.seq, /*with messages.seq*/
    p.parts::json
  FROM threadkeep_placed p ORDER BY p.i
  RETURNING m./*column messages.message_id*/ AS id, m./*column messages.created_at*/ AS at
)
SELECT v.refused, a.id, s.same, s.n IS NOT NULL AS known,
       CASE WHEN s.n IS NULL THEN a.session ELSE s.session END,
       CASE WHEN s.n IS NULL THEN a.whose ELSE s.whose END,
       CASE WHEN s.n IS NULL THEN d.at ELSE s.at END
FROM threadkeep_asked a CROSS JOIN threadkeep_verdict v LEFT JOIN threadkeep_stored s ON s.n = a.n LEFT JOIN threadkeep_added d ON d.id = a.id
ORDER BY a.n;

-- name: list_back, list reversed
-- The messages of a thread that are not hidden, newest first.
-- $1 thread, $2 session, $3 user, $4 not used, $5 how many or NULL for all.
SELECT /*use message_columns*/ FROM /*table messages*/ m
WHERE /*use visible*/
  AND $4::text IS NULL
ORDER BY m./*column messages.order*/ /*dir*/DESC, m./*column messages.message_id*/ /*dir*/DESC
LIMIT $5::bigint;

-- name: list_back_after, list_after reversed
-- The same past the message $4. Always a row: its first column is NULL where there is no such message,
-- and the others are where nothing follows it.
SELECT a.id, r.* FROM (SELECT) one
LEFT JOIN LATERAL (/*use anchor*/) a ON true
LEFT JOIN LATERAL (
  SELECT /*use message_columns*/ FROM /*table messages*/ m
  WHERE /*use visible*/
    AND (m./*column messages.order*/, m./*column messages.message_id*/) /*past*/< (a.place, a.id)
  ORDER BY m./*column messages.order*/ /*dir*/DESC, m./*column messages.message_id*/ /*dir*/DESC
  LIMIT $5::bigint
) r ON true;

-- name: list_all_back, list_all reversed
-- The messages of a thread, or of a session in it, hidden or not.
SELECT /*use message_columns*/ FROM /*table messages*/ m
WHERE /*use asked_for*/
  AND $4::text IS NULL
ORDER BY m./*column messages.order*/ /*dir*/DESC, m./*column messages.message_id*/ /*dir*/DESC
LIMIT $5::bigint;

-- name: list_all_back_after, list_all_after reversed
-- The same past the message $4.
SELECT a.id, r.* FROM (SELECT) one
LEFT JOIN LATERAL (/*use anchor*/) a ON true
LEFT JOIN LATERAL (
  SELECT /*use message_columns*/ FROM /*table messages*/ m
  WHERE /*use asked_for*/
    AND (m./*column messages.order*/, m./*column messages.message_id*/) /*past*/< (a.place, a.id)
  ORDER BY m./*column messages.order*/ /*dir*/DESC, m./*column messages.message_id*/ /*dir*/DESC
  LIMIT $5::bigint
) r ON true;

-- name: count
-- How many messages `list` gives.
SELECT count(*) FROM /*table messages*/ m WHERE /*use visible*/;

-- name: count_all
-- How many messages `list_all` gives.
SELECT count(*) FROM /*table messages*/ m WHERE /*use asked_for*/;

-- name: save_session
-- Makes a session or writes what changed. No row: it is another user's, of another thread, or the
-- thread is another user's.
-- $1 user or NULL, $2 session, $3 thread, $4 version, then flag and value of $5 the state and $7 the
-- metadata (only what is flagged is changed), $9 whether to archive it, $10 the user of a new one.
WITH threadkeep_given AS (SELECT $1::text AS user_id, $3::text AS thread_id)
INSERT INTO /*table sessions*/ AS s (
  /*column sessions.session_id*/, /*column sessions.thread_id*/, /*column sessions.sdk_version*/,
  /*column sessions.state_json*/, /*column sessions.metadata_json*/,
  /*column sessions.created_at*/, /*column sessions.updated_at*/,
  /*column sessions.user_id*/,
  /*column sessions.archived_at*/)
SELECT $2::text, given.thread_id, $4::text, $6::text::json, $8::text::json,
  statement_timestamp(), statement_timestamp(),
  $10::text, /*with sessions.user_id*/
  CASE WHEN $9::boolean THEN statement_timestamp() END
FROM threadkeep_given given WHERE NOT (/*use foreign_thread*/)
  AND $10::text IS NULL /*without sessions.user_id*/
ON CONFLICT (/*column sessions.session_id*/) DO UPDATE SET
  /*column sessions.sdk_version*/ = CASE WHEN $9::boolean THEN s./*column sessions.sdk_version*/
    ELSE excluded./*column sessions.sdk_version*/ END,
  /*column sessions.state_json*/ = CASE WHEN $5::boolean
    THEN excluded./*column sessions.state_json*/ ELSE s./*column sessions.state_json*/ END,
  /*column sessions.metadata_json*/ = CASE WHEN $7::boolean
    THEN excluded./*column sessions.metadata_json*/ ELSE s./*column sessions.metadata_json*/ END,
  /*column sessions.updated_at*/ =
    greatest(s./*column sessions.updated_at*/, excluded./*column sessions.updated_at*/),
  /*column sessions.archived_at*/ =
    coalesce(s./*column sessions.archived_at*/, excluded./*column sessions.archived_at*/)
WHERE s./*column sessions.thread_id*/ = excluded./*column sessions.thread_id*/
  AND NOT ($9::boolean AND s./*column sessions.archived_at*/ IS NOT NULL)
  AND /*use of_user*/
RETURNING /*use session_columns*/;

-- name: load_session
-- One session.
-- $1 user or NULL, $2 session.
SELECT /*use session_columns*/ FROM /*table sessions*/ s
WHERE /*use of_user*/ AND s./*column sessions.session_id*/ = $2::text;

-- name: list_sessions
-- The sessions of a thread, newest first.
-- $1 user or NULL, $2 thread, $3 archived ones too, $4 how many or NULL for all.
SELECT /*use session_columns*/ FROM /*table sessions*/ s
WHERE /*use of_user*/ AND s./*column sessions.thread_id*/ = $2::text
  AND ($3::boolean OR s./*column sessions.archived_at*/ IS NULL)
ORDER BY s./*column sessions.created_at*/ DESC, s./*column sessions.session_id*/ DESC
LIMIT $4::bigint;

-- name: archive_session
-- Archives a session that is there and is not archived. No row: it is, or there is none.
-- $1 user or NULL, $2 session, $3 its thread or NULL.
UPDATE /*table sessions*/ AS s SET
  /*column sessions.archived_at*/ =
    coalesce(s./*column sessions.archived_at*/, statement_timestamp()),
  /*column sessions.updated_at*/ =
    greatest(s./*column sessions.updated_at*/, statement_timestamp())
WHERE s./*column sessions.session_id*/ = $2::text
  AND ($3::text IS NULL OR s./*column sessions.thread_id*/ = $3::text)
  AND /*use of_user*/
  AND s./*column sessions.archived_at*/ IS NULL
RETURNING /*use session_columns*/;

-- name: unarchive_session
-- Takes a session out of the archive. No row: it is not there, or there is none.
-- $1 user or NULL, $2 session.
UPDATE /*table sessions*/ AS s SET
  /*column sessions.archived_at*/ = NULL,
  /*column sessions.updated_at*/ =
    greatest(s./*column sessions.updated_at*/, statement_timestamp())
WHERE s./*column sessions.session_id*/ = $2::text
  AND /*use of_user*/
  AND s./*column sessions.archived_at*/ IS NOT NULL
RETURNING /*use session_columns*/;
