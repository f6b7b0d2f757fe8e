-- fragment: message_columns
m.seq, m.parent_seq,
  CASE WHEN m.parent_seq IS DISTINCT FROM m.seq - 1 OR m.n = 1 THEN (
    SELECT p.message_id FROM /*schema*/messages p
    WHERE p.owner_key = $1::bigint AND p.thread_key = m.thread_key
      AND p.seq BETWEEN m.parent_seq AND m.parent_seq
    ORDER BY p.seq LIMIT 1) END,
  /*use message_content*/

-- fragment: message_content
-- A time takes a driver longer than all else: updated_at is NULL where it is that of created_at.
m.turn, m.tokens, m.message_id, m.role, /*use message_status*/, m.format, m.created_at,
  nullif(m.updated_at, m.created_at), m.metadata::text, m.payload::text, m.run, m.session

-- name: message_get
-- One message by its id.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id, $5 message_id.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT /*use message_columns*/
  FROM (/*use named_thread*/) t CROSS JOIN LATERAL (
    SELECT m.*, 1 AS n FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = t.thread_key
      AND m.message_id BETWEEN $5::text AND $5::text
    ORDER BY m.message_id LIMIT 1
  ) m
) r;

-- name: messages_siblings
-- A message and those with the same parent.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id, $5 message_id.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT /*use message_columns*/
  FROM (/*use named_thread*/) t CROSS JOIN LATERAL (
    SELECT m.thread_key, m.parent_seq FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = t.thread_key
      AND m.message_id BETWEEN $5::text AND $5::text
    ORDER BY m.message_id LIMIT 1
  ) x CROSS JOIN LATERAL (
    SELECT m.*, 1 AS n FROM (
      (SELECT m.* FROM /*schema*/messages m
       WHERE m.owner_key = $1::bigint AND m.thread_key = x.thread_key
         AND m.parent_seq BETWEEN x.parent_seq AND x.parent_seq
         AND m.parent_seq IS DISTINCT FROM m.seq - 1
       ORDER BY m.parent_seq)
      UNION ALL
      (SELECT m.* FROM /*schema*/messages m
       WHERE m.owner_key = $1::bigint AND m.thread_key = x.thread_key
         AND m.parent_seq IS NULL AND x.parent_seq IS NULL
         AND m.parent_seq IS DISTINCT FROM m.seq - 1)
      UNION ALL
      (SELECT m.* FROM /*schema*/messages m
       WHERE m.owner_key = $1::bigint AND m.thread_key = x.thread_key
         AND m.seq BETWEEN x.parent_seq + 1 AND x.parent_seq + 1 AND m.parent_seq = x.parent_seq
       ORDER BY m.seq LIMIT 1)
    ) m
  ) m
) r;

-- name: messages_up_path
-- A page of a path from its leaf towards its root.
-- $1 to $5 as in path, $6 only what stands before this seq, $7 only what stands after this seq,
-- $8 rows to return.
WITH RECURSIVE /*use path*/
SELECT /*use message_columns*/
FROM (
  SELECT m.*, row_number() OVER () AS n
  FROM path p CROSS JOIN LATERAL (
    SELECT m.* FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = p.thread_key AND m.seq BETWEEN p.lo AND p.hi
      AND m.seq < $6::bigint AND m.seq > $7::bigint
    ORDER BY m.seq DESC OFFSET 0
  ) m
  WHERE p.hi > $7::bigint
  LIMIT $8::integer
) m;

-- name: messages_down_path
-- A page of a path from its root towards its leaf; parameters as in messages_up_path.
WITH RECURSIVE /*use path*/
SELECT /*use message_columns*/
FROM (
  SELECT m.*, row_number() OVER () AS n
  FROM (SELECT p.* FROM path p ORDER BY p.hi) p CROSS JOIN LATERAL (
    SELECT m.* FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = p.thread_key AND m.seq BETWEEN p.lo AND p.hi
      AND m.seq < $6::bigint AND m.seq > $7::bigint
    ORDER BY m.seq OFFSET 0
  ) m
  WHERE p.hi > $7::bigint
  LIMIT $8::integer
) m;

-- fragment: head_id
-- The message id of the head of thread t.
SELECT h.message_id FROM /*schema*/messages h
      WHERE h.owner_key = $1::bigint AND h.thread_key = t.thread_key
        AND h.seq BETWEEN t.head_seq AND t.head_seq
      ORDER BY h.seq LIMIT 1

-- name: messages_up_tree, messages_down_tree reversed
-- A page of all messages of a thread by seq, branches and all. Behind the columns of its first row
-- stands the id of the head; that row has no seq where there is no message.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id, $5 only what stands before this seq, $6 only
-- what stands after this seq, $7 rows to return.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT /*use message_columns*/, CASE WHEN m.n > 1 THEN NULL ELSE t.head END
  FROM (
    SELECT t.thread_key, (/*use head_id*/) AS head FROM (/*use named_thread*/) t OFFSET 0
  ) t LEFT JOIN LATERAL (
    SELECT m.*, row_number() OVER () AS n FROM (
      SELECT m.* FROM /*schema*/messages m
      WHERE m.owner_key = $1::bigint AND m.thread_key = t.thread_key
        AND m.seq < $5::bigint AND m.seq > $6::bigint
      ORDER BY m.seq /*dir*/DESC LIMIT $7::integer
    ) m
  ) m ON true
) r;

-- name: messages_count_path
-- How many messages stand on a path; $1 to $5 as in path.
WITH RECURSIVE /*use path*/
SELECT coalesce(sum(c.count), 0)::bigint FROM path p CROSS JOIN LATERAL (
  SELECT count(*) AS count FROM /*schema*/messages m
  WHERE m.owner_key = $1::bigint AND m.thread_key = p.thread_key AND m.seq BETWEEN p.lo AND p.hi
  OFFSET 0
) c;

-- name: messages_depths
-- What tells how many messages stand above some of a thread: the rows where their paths enter a
-- stretch, each with the id if it is one of theirs, its seq, how many rows the stretch has up to it,
-- and the seq of the row that the stretch hangs below. A row of a stretch is counted once, however
-- many paths lead through it; where none was ever removed from the thread they need no counting.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id, $5 message_ids.
WITH RECURSIVE g AS MATERIALIZED (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner
),
thread AS MATERIALIZED (
  SELECT l.* FROM g CROSS JOIN LATERAL (
    SELECT t.thread_key, t.message_count = t.next_seq - 1 AS whole FROM (/*use named_thread*/) t
  ) l
),
asked AS MATERIALIZED (
  SELECT t.thread_key, m.message_id, m.seq AS hi, m.anchor AS lo
  FROM thread t CROSS JOIN unnest($5::text[]) AS x (message_id) CROSS JOIN LATERAL (
    SELECT m.message_id, m.seq, m.anchor FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = t.thread_key
      AND m.message_id BETWEEN x.message_id AND x.message_id
    ORDER BY m.message_id LIMIT 1
  ) m
),
path AS (
  SELECT a.thread_key, a.hi, a.lo FROM asked a
  UNION
  /*use path_before*/
),
pieces AS (
  SELECT p.thread_key, p.hi, p.lo,
         lag(p.hi, 1, p.lo - 1) OVER (PARTITION BY p.lo ORDER BY p.hi) AS below
  FROM path p
),
counted AS (
  SELECT p.thread_key, p.hi, p.lo, sum(p.count) OVER (PARTITION BY p.lo ORDER BY p.hi)::bigint AS n
  FROM (
    SELECT p.*, CASE WHEN (SELECT t.whole FROM thread t) THEN p.hi - p.below ELSE (
        SELECT count(*) FROM /*schema*/messages m
        WHERE m.owner_key = $1::bigint AND m.thread_key = p.thread_key
          AND m.seq > p.below AND m.seq <= p.hi) END AS count
    FROM pieces p
  ) p
)
SELECT a.message_id, c.hi, c.n, (
    SELECT m.parent_seq FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = c.thread_key AND m.seq >= c.lo
    ORDER BY m.seq LIMIT 1)
FROM counted c LEFT JOIN asked a ON a.hi = c.hi;

-- name: messages_leaf
-- What tells where the tree below a message ends: the rows after it that are not the child of the
-- row before them, by which stretches begin, each with the anchor of its parent and the id of the
-- row before it; and one that stands behind them all. The seq is looked at from outside: it would
-- lead the planner to read all rows that have a later one.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id, $5 message_id or NULL for the head.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT x.seq, x.anchor, c.seq, c.anchor, c.parent_seq, p.anchor, b.message_id
  FROM (/*use named_thread*/) t CROSS JOIN LATERAL (
    (SELECT m.seq, m.anchor FROM /*schema*/messages m
     WHERE m.owner_key = $1::bigint AND m.thread_key = t.thread_key
       AND m.message_id BETWEEN $5::text AND $5::text
     ORDER BY m.message_id LIMIT 1)
    UNION ALL
    (SELECT t.head_seq, t.head_anchor WHERE $5::text IS NULL AND t.head_seq IS NOT NULL)
  ) x CROSS JOIN LATERAL (
    (SELECT c.* FROM (
       SELECT m.seq, m.anchor, m.parent_seq FROM /*schema*/messages m
       WHERE m.owner_key = $1::bigint AND m.thread_key = t.thread_key
         AND m.parent_seq IS DISTINCT FROM m.seq - 1
       ORDER BY m.parent_seq OFFSET 0
     ) c WHERE c.seq > x.seq)
    UNION ALL
    (SELECT t.next_seq, NULL::bigint, NULL::bigint)
  ) c LEFT JOIN LATERAL (
    SELECT m.anchor FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = t.thread_key
      AND m.seq BETWEEN c.parent_seq AND c.parent_seq
    ORDER BY m.seq LIMIT 1
  ) p ON true CROSS JOIN LATERAL (
    SELECT m.message_id FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = t.thread_key AND m.seq < c.seq
    ORDER BY m.seq DESC LIMIT 1
  ) b
) r;

-- name: messages_find
-- Which of a batch are stored, and whether with the same content; with the thread's head.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id, $5 rows and $6 payloads as in append_to_head.
-- All ids are looked for at once: a planner without statistics may read the thread for that, and
-- would read it again for each id.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT x.n, m.format = x.format AND m.payload::text = x.payload AS same,
    /*use message_columns*/
  FROM (/*use named_thread*/) t
  CROSS JOIN (
    SELECT array_agg(i.message_id) AS ids
    FROM json_to_recordset($5::text::json) AS i (message_id text)
  ) i
  CROSS JOIN LATERAL (
    SELECT m.*, 1 AS n FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = t.thread_key
      AND m.message_id = ANY (i.ids)
    OFFSET 0
  ) m
  JOIN ROWS FROM (
    json_to_recordset($5::text::json) AS (message_id text, format text),
    string_to_table($6::text, E'\x1e')
  ) WITH ORDINALITY AS x (message_id, format, payload, n) ON x.message_id = m.message_id
) r;

-- name: message_place
-- Where a message of a locked thread stands, and what of it is fixed.
-- $1 owner_key, $2 thread_key, $3 message_id.
SELECT m.seq, m.parent_seq, m.role, m.starts, m.message_id, m.metadata::text
FROM /*schema*/messages m
WHERE m.owner_key = $1::bigint AND m.thread_key = $2::bigint
  AND m.message_id BETWEEN $3::text AND $3::text
ORDER BY m.message_id LIMIT 1;

-- fragment: children
-- What hangs directly below the message with seq $3: the row after it, and what branched off it.
(SELECT c.seq FROM /*schema*/messages c
 WHERE c.owner_key = $1::bigint AND c.thread_key = $2::bigint
   AND c.parent_seq BETWEEN $3::bigint AND $3::bigint AND c.parent_seq IS DISTINCT FROM c.seq - 1
 ORDER BY c.parent_seq)
UNION ALL
(SELECT c.seq FROM /*schema*/messages c
 WHERE c.owner_key = $1::bigint AND c.thread_key = $2::bigint
   AND c.seq BETWEEN $3::bigint + 1 AND $3::bigint + 1 AND c.parent_seq = $3::bigint
 ORDER BY c.seq LIMIT 1)

-- name: message_children
-- How many messages hang directly below one of a locked thread.
-- $1 owner_key, $2 thread_key, $3 seq.
SELECT count(*) FROM (/*use children*/) c;

-- name: message_reparent
-- Hands the children of a message of a locked thread to its parent.
-- $1 owner_key, $2 thread_key, $3 seq, $4 the parent's seq or NULL.
UPDATE /*schema*/messages m SET parent_seq = $4::bigint
WHERE m.owner_key = $1::bigint AND m.thread_key = $2::bigint
  AND m.seq = ANY (ARRAY(/*use children*/));

-- name: message_update
-- Rewrites a message of a locked thread in its place.
-- $1 owner_key, $2 thread_key, $3 seq, $4 format, $5 payload, $6 tokens, $7 cut, $8 calls,
-- $9 answers ($10 false: none of these), $11 flag and $12 value of metadata, $13 status or NULL.
UPDATE /*schema*/messages AS m SET
  format = CASE WHEN $10::boolean THEN $4::text ELSE m.format END,
  payload = CASE WHEN $10::boolean THEN $5::text::json ELSE m.payload END,
  tokens = CASE WHEN $10::boolean THEN $6::integer ELSE m.tokens END,
  cut = CASE WHEN $10::boolean THEN $7::boolean ELSE m.cut END,
  calls = CASE WHEN $10::boolean THEN $8::text[] ELSE m.calls END,
  answers = CASE WHEN $10::boolean THEN $9::text[] ELSE m.answers END,
  metadata = CASE WHEN $11::boolean THEN $12::text::jsonb ELSE m.metadata END,
  status = coalesce($13::text, m.status),
  updated_at = now()
WHERE m.owner_key = $1::bigint AND m.thread_key = $2::bigint AND m.seq = $3::bigint;

-- name: thread_touch
-- Notes that something in a locked thread changed.
-- $1 owner_key, $2 thread_key.
UPDATE /*schema*/threads t SET updated_at = now()
WHERE t.owner_key = $1::bigint AND t.thread_key = $2::bigint;

-- name: message_delete
-- Removes one message of a locked thread.
-- $1 owner_key, $2 thread_key, $3 seq.
DELETE FROM /*schema*/messages m
WHERE m.owner_key = $1::bigint AND m.thread_key = $2::bigint AND m.seq = $3::bigint
RETURNING m.seq, m.parent_seq;

-- name: messages_truncate
-- Removes a message of a locked thread and all below it. A stretch is named by its anchor, and what
-- hangs below a row of it are the later rows of the stretch and the stretches that branch off them.
-- $1 owner_key, $2 thread_key, $3 seq.
WITH RECURSIVE below AS (
  SELECT m.anchor, m.seq AS since FROM /*schema*/messages m
  WHERE m.owner_key = $1::bigint AND m.thread_key = $2::bigint AND m.seq = $3::bigint
  UNION ALL
  SELECT b.anchor, b.since FROM below s CROSS JOIN LATERAL (
    SELECT c.anchor, c.seq AS since
    FROM (
      SELECT c.* FROM /*schema*/messages c
      WHERE c.owner_key = $1::bigint AND c.thread_key = $2::bigint
        AND c.parent_seq >= s.since AND c.parent_seq IS DISTINCT FROM c.seq - 1
      ORDER BY c.parent_seq
    ) c CROSS JOIN LATERAL (
      SELECT p.anchor FROM /*schema*/messages p
      WHERE p.owner_key = $1::bigint AND p.thread_key = $2::bigint
        AND p.seq BETWEEN c.parent_seq AND c.parent_seq
      ORDER BY p.seq LIMIT 1
    ) p
    WHERE p.anchor = s.anchor AND c.anchor <> s.anchor
    OFFSET 0
  ) b
)
DELETE FROM /*schema*/messages m USING below b
WHERE m.owner_key = $1::bigint AND m.thread_key = $2::bigint AND m.seq >= $3::bigint
  AND m.anchor = b.anchor AND m.seq >= b.since
RETURNING m.seq;

-- name: messages_clear
-- Removes all messages of a locked thread.
-- $1 owner_key, $2 thread_key.
DELETE FROM /*schema*/messages m WHERE m.owner_key = $1::bigint AND m.thread_key = $2::bigint
RETURNING m.seq;
