-- name: bulk_append
-- Stores batches of many threads, each under its head, in one statement; makes the threads that are
-- absent. Nothing at all is stored where one of them is refused. 23505: an id is stored already.
-- 23502, a missing seq: a thread is another user's, or locked or closed.
-- $1 owner_key, $2 owner_id, $3 user_id, $4 the threads as JSON in the order in which they are
-- locked, $5 the rows without their payloads as JSON, $6 the payloads with a record separator between
-- them, $7 whether a thread may be locked or closed. A thread's rows are `rows` from the `first` on,
-- `starts` turns start in them, and `before` in the rows before.
WITH g AS MATERIALIZED (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner
),
n AS MATERIALIZED (
  SELECT n.* FROM g CROSS JOIN LATERAL ROWS FROM (
    json_to_recordset($4::text::json) AS (
      thread_id text, first bigint, rows bigint, starts integer, before integer)
  ) WITH ORDINALITY AS n (thread_id, first, rows, starts, before, place)
),
t AS (
  INSERT INTO /*schema*/threads AS t (
    owner_key, next_seq, head_seq, head_anchor, head_parent, structure, revision, message_count,
    created_at, updated_at, active_at, turns, owner_id, thread_id, user_id, status)
  SELECT $1::bigint, n.rows + 1, n.rows, 1, NULL, 0, 0, n.rows, now(), now(), now(), n.starts,
         $2::text, n.thread_id, $3::text, 'active'
  FROM n ORDER BY n.place
  ON CONFLICT (owner_key, owner_id, thread_id) DO UPDATE SET
    next_seq = t.next_seq + excluded.head_seq,
    head_seq = t.next_seq + excluded.head_seq - 1,
    head_anchor = CASE WHEN t.head_seq = t.next_seq - 1 THEN t.head_anchor ELSE t.next_seq END,
    head_parent = CASE WHEN t.head_seq = t.next_seq - 1 THEN t.head_parent ELSE t.head_seq END,
    message_count = t.message_count + excluded.head_seq,
    turns = t.turns + excluded.turns,
    active_at = greatest(t.active_at, excluded.active_at),
    updated_at = excluded.updated_at
  WHERE ($3::text IS NULL OR t.user_id = $3::text) AND (t.access IS NULL OR $7::boolean)
  RETURNING t.thread_id, t.thread_key, t.next_seq, t.head_anchor, t.head_parent, t.turns
),
places AS MATERIALIZED (
  SELECT n.place, n.first, n.rows, n.before, t.thread_key, t.next_seq - n.rows AS base,
         t.head_anchor, t.turns - n.starts AS turn,
         CASE WHEN t.head_anchor = t.next_seq - n.rows THEN t.head_parent
              ELSE t.next_seq - n.rows - 1 END AS parent_seq
  FROM n LEFT JOIN t ON t.thread_id = n.thread_id
),
stored AS (
  INSERT INTO /*schema*/messages AS m (
    owner_key, thread_key, seq, parent_seq, anchor, created_at, updated_at, turn, tokens, starts,
    cut, message_id, role, status, format, metadata, session, calls, answers, payload)
  SELECT $1::bigint, p.thread_key, p.base + r.n - p.first,
         CASE WHEN r.n = p.first THEN p.parent_seq ELSE p.base + r.n - p.first - 1 END,
         p.head_anchor, coalesce(r.created_at, now()), now(), p.turn + r.turn - p.before, r.tokens,
         r.starts, r.cut, r.message_id, r.role, r.status, r.format, r.metadata::jsonb, r.session,
         r.calls, r.answers, r.payload::json
  FROM places p CROSS JOIN LATERAL generate_series(p.first, p.first + p.rows - 1) AS x (n)
  JOIN ROWS FROM (
    json_to_recordset($5::text::json) AS (
      message_id text, role text, status text, format text, created_at timestamptz, turn integer,
      tokens integer, starts boolean, cut boolean, metadata text, session text, calls text[],
      answers text[]),
    string_to_table($6::text, E'\x1e')
  ) WITH ORDINALITY AS r (
    message_id, role, status, format, created_at, turn, tokens, starts, cut, metadata, session,
    calls, answers, payload, n) ON r.n = x.n
  RETURNING m.seq
)
SELECT p.place, p.base, p.turn, p.parent_seq, (
    SELECT m.message_id FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = p.thread_key
      AND m.seq BETWEEN p.parent_seq AND p.parent_seq
    ORDER BY m.seq LIMIT 1),
  now()
FROM places p;

-- name: bulk_lock
-- Locks the rows of those of many threads that are there, in the order given, for the transaction.
-- $1 owner_key, $2 owner_id, $3 user_id, $4 the thread ids as a JSON array.
SELECT t.*, (
    SELECT m.message_id FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = t.thread_key
      AND m.seq BETWEEN t.head_seq AND t.head_seq
    ORDER BY m.seq LIMIT 1)
FROM json_array_elements_text($4::text::json) AS n (thread_id) CROSS JOIN LATERAL (
  SELECT t.thread_id, t.head_seq, t.access, t.thread_key FROM /*schema*/threads t
  WHERE t.owner_key = $1::bigint AND t.owner_id = $2::text
    AND t.thread_id BETWEEN n.thread_id AND n.thread_id
    AND ($3::text IS NULL OR t.user_id = $3::text)
  ORDER BY t.thread_id LIMIT 1
  FOR UPDATE
) t;

-- name: bulk_find
-- Which rows of batches of many threads are stored, and whether with the same content; `place` is
-- that of the thread, `n` that of the row in its batch.
-- $1 owner_key, $2 owner_id, $3 user_id, $4 threads, $5 rows and $6 payloads as in bulk_append.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT p.place, p.n - p.first + 1, m.format = x.format AND m.payload::text = x.payload AS same,
    /*use message_columns*/
  FROM (
    SELECT p.place, p.first, t.thread_key, s.n
    FROM ROWS FROM (
      json_to_recordset($4::text::json) AS (thread_id text, first bigint, rows bigint)
    ) WITH ORDINALITY AS p (thread_id, first, rows, place)
    CROSS JOIN LATERAL (
      SELECT t.thread_key FROM /*schema*/threads t
      WHERE t.owner_key = $1::bigint AND t.owner_id = $2::text
        AND t.thread_id BETWEEN p.thread_id AND p.thread_id
        AND ($3::text IS NULL OR t.user_id = $3::text) AND g.owner IS NOT NULL
      ORDER BY t.thread_id LIMIT 1
    ) t
    CROSS JOIN LATERAL generate_series(p.first, p.first + p.rows - 1) AS s (n)
    OFFSET 0
  ) p
  JOIN ROWS FROM (
    json_to_recordset($5::text::json) AS (message_id text, format text),
    string_to_table($6::text, E'\x1e')
  ) WITH ORDINALITY AS x (message_id, format, payload, n) ON x.n = p.n
  CROSS JOIN LATERAL (
    SELECT m.*, 1 AS n FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = p.thread_key
      AND m.message_id BETWEEN x.message_id AND x.message_id
    ORDER BY m.message_id LIMIT 1
  ) m
  OFFSET 0
) r;

-- name: bulk_refused
-- The first of many threads that takes no messages, and whether it is known here (then it is locked
-- or closed).
-- $1 owner_key, $2 owner_id, $3 user_id, $4 the thread ids as a JSON array, $5 whether a thread may
-- be locked or closed.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT n.thread_id, t.known
  FROM json_array_elements_text($4::text::json) WITH ORDINALITY AS n (thread_id, place)
  CROSS JOIN LATERAL (
    SELECT t.access, ($3::text IS NULL OR t.user_id = $3::text) IS TRUE AS known
    FROM /*schema*/threads t
    WHERE t.owner_key = $1::bigint AND t.owner_id = $2::text
      AND t.thread_id BETWEEN n.thread_id AND n.thread_id AND g.owner IS NOT NULL
    ORDER BY t.thread_id LIMIT 1
  ) t
  WHERE NOT t.known OR (t.access IS NOT NULL AND NOT $5::boolean)
  ORDER BY n.place LIMIT 1
) r;

-- fragment: chosen
-- What of a thread's messages is meant, $4 created before this time, $5 in these roles, $6 with this
-- in their metadata (NULL: any), after the message with seq $3.
m.owner_key = $1::bigint AND m.seq > $3::bigint
  AND ($4::timestamptz IS NULL OR m.created_at < $4::timestamptz)
  AND ($5::text[] IS NULL OR m.role = ANY ($5::text[]))
  AND ($6::text IS NULL OR m.metadata @> $6::text::jsonb)

-- name: messages_count_chosen
-- How many messages of a thread are meant.
-- $1 owner_key, $2 owner_id, $3 to $6 as in chosen, $7 thread_id, $8 user_id.
SELECT r.count FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT count(*) AS count FROM (
    SELECT t.thread_key FROM /*schema*/threads t
    WHERE t.owner_key = $1::bigint AND t.owner_id = $2::text
      AND t.thread_id BETWEEN $7::text AND $7::text
      AND ($8::text IS NULL OR t.user_id = $8::text) AND g.owner IS NOT NULL
    ORDER BY t.thread_id LIMIT 1
  ) t CROSS JOIN LATERAL (
    SELECT m.seq FROM /*schema*/messages m
    WHERE m.thread_key = t.thread_key AND /*use chosen*/ OFFSET 0
  ) m
) r;

-- name: messages_delete_chosen
-- Removes the first so many of the messages of a locked thread that are meant.
-- $1 owner_key, $2 thread_key, $3 to $6 as in chosen, $7 how many.
-- Here and below: an array and no join, for which the planner may read a thread once for each row.
DELETE FROM /*schema*/messages d
WHERE d.owner_key = $1::bigint AND d.thread_key = $2::bigint AND d.seq = ANY (ARRAY(
  SELECT m.seq FROM /*schema*/messages m
  WHERE m.thread_key = $2::bigint AND /*use chosen*/
  ORDER BY m.seq LIMIT $7::bigint
))
RETURNING d.seq, d.parent_seq;

-- name: messages_reparent
-- Hands the children of messages that are gone from a locked thread to others above them.
-- $1 owner_key, $2 thread_key, $3 JSON: the seq of each that is gone, and the `next` one, $4 a JSON
-- object: by the seq of each that is gone who takes its children.
-- To add to a column is nothing that an index is used for under row-level security.
UPDATE /*schema*/messages m SET
  parent_seq = ((SELECT $4::text::jsonb) ->> m.parent_seq::text)::bigint
WHERE m.owner_key = $1::bigint AND m.thread_key = $2::bigint AND m.seq = ANY (ARRAY(
  SELECT c.seq
  FROM json_to_recordset($3::text::json) AS g (gone bigint, next bigint) CROSS JOIN LATERAL (
    (SELECT c.seq FROM /*schema*/messages c
     WHERE c.owner_key = $1::bigint AND c.thread_key = $2::bigint
       AND c.parent_seq BETWEEN g.gone AND g.gone AND c.parent_seq IS DISTINCT FROM c.seq - 1
     ORDER BY c.parent_seq)
    UNION ALL
    (SELECT c.seq FROM /*schema*/messages c
     WHERE c.owner_key = $1::bigint AND c.thread_key = $2::bigint
       AND c.seq BETWEEN g.next AND g.next AND c.parent_seq = g.gone
     ORDER BY c.seq LIMIT 1)
  ) c
));

-- name: thread_export
-- A thread with all its messages by seq, as they are at one moment: the columns of a message, then
-- in the first row only those of the thread. One row without a message where there is none.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT x.*, h.*
  FROM (/*use named_thread*/) k
  LEFT JOIN LATERAL (
    SELECT m.seq, m.parent_seq, NULL::text AS parent_id, /*use message_content*/,
           row_number() OVER (ORDER BY m.seq) AS n
    FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = k.thread_key
  ) x ON true
  LEFT JOIN LATERAL (
    SELECT /*use thread_columns*/ FROM (SELECT k.*) t
  ) h ON x.n IS NULL OR x.n = 1
  ORDER BY x.seq
) r;

-- name: thread_import
-- Makes a thread with the place of its head, whose messages follow in the same transaction, and tells
-- the transaction from others as thread_lock does; no row if the id is taken.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id, $5 title, $6 status, $7 access, $8 its reason,
-- $9 metadata, $10 external_id, $11 created_at, $12 active_at, $13 revision, $14 format, $15 payload,
-- $16 messages, $17 seq of the head, $18 its anchor, $19 its turn.
WITH g AS MATERIALIZED (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner
)
INSERT INTO /*schema*/threads AS t (
  owner_key, next_seq, head_seq, head_anchor, structure, revision, message_count, created_at,
  updated_at, active_at, turns, owner_id, thread_id, user_id, external_id, title, status, metadata,
  format, payload, access, access_reason)
SELECT $1::bigint, $16::bigint + 1, $17::bigint, $18::bigint, 0, $13::bigint, $16::bigint,
       $11::timestamptz, now(), $12::timestamptz, $19::integer, $2::text, $3::text, $4::text,
       $10::text, $5::text, $6::text, $9::text::jsonb, $14::text, $15::text::json, $7::text, $8::text
FROM g
ON CONFLICT (owner_key, owner_id, thread_id) DO NOTHING
RETURNING t.thread_key, concat_ws(' ', pg_current_xact_id(), pg_current_wal_insert_lsn(),
                                  pg_last_wal_replay_lsn());

-- name: messages_import
-- Stores messages of an imported thread, each in its place in the tree.
-- $1 owner_key, $2 thread_key, $3 the seq before the first, $4 rows and $5 payloads as in bulk_append,
-- $6 for each row the parent's seq, its anchor and its turn as JSON.
INSERT INTO /*schema*/messages AS m (
  owner_key, thread_key, seq, parent_seq, anchor, created_at, updated_at, turn, tokens, starts, cut,
  message_id, role, status, format, metadata, session, calls, answers, payload)
SELECT $1::bigint, t.thread_key, $3::bigint + r.n, r.parent, r.anchor, coalesce(r.created_at, now()),
       now(), r.label, r.tokens, r.starts, r.cut, r.message_id, r.role, r.status, r.format,
       r.metadata::jsonb, r.session, r.calls, r.answers, r.payload::json
FROM (
  SELECT t.thread_key FROM /*schema*/threads t
  WHERE t.owner_key = $1::bigint AND t.thread_key = $2::bigint
) t CROSS JOIN ROWS FROM (
  json_to_recordset($4::text::json) AS (
    message_id text, role text, status text, format text, created_at timestamptz, tokens integer,
    starts boolean, cut boolean, metadata text, session text, calls text[], answers text[]),
  string_to_table($5::text, E'\x1e'),
  json_to_recordset($6::text::json) AS (parent bigint, anchor bigint, turn integer)
) WITH ORDINALITY AS r (
  message_id, role, status, format, created_at, tokens, starts, cut, metadata, session, calls,
  answers, payload, parent, anchor, label, n)
RETURNING m.seq;
