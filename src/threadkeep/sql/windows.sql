-- fragment: path
-- The stretches of a path, newest first, found only as far as they are asked for.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id, $5 leaf's message id or NULL for the head.
g AS MATERIALIZED (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner
),
thread AS MATERIALIZED (
  SELECT l.* FROM g CROSS JOIN LATERAL (
    SELECT t.thread_key, t.head_seq, t.head_anchor FROM (/*use named_thread*/) t
  ) l
),
leaf AS MATERIALIZED (
  SELECT t.thread_key, t.head_seq AS hi, t.head_anchor AS lo FROM thread t
  WHERE $5::text IS NULL AND t.head_seq IS NOT NULL
  UNION ALL
  SELECT t.thread_key, l.hi, l.lo FROM thread t CROSS JOIN LATERAL (
    SELECT m.seq AS hi, m.anchor AS lo FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = t.thread_key
      AND m.message_id BETWEEN $5::text AND $5::text
    ORDER BY m.message_id LIMIT 1
  ) l
),
path AS (
  SELECT l.thread_key, l.hi, l.lo FROM leaf l
  UNION ALL
  SELECT p.thread_key, b.hi, b.lo FROM path p CROSS JOIN LATERAL (
    SELECT m.parent_seq FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = p.thread_key AND m.seq >= p.lo
    ORDER BY m.seq LIMIT 1
  ) f CROSS JOIN LATERAL (
    SELECT m.seq AS hi, m.anchor AS lo FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = p.thread_key
      AND m.seq BETWEEN f.parent_seq AND f.parent_seq
    ORDER BY m.seq LIMIT 1
  ) b
)

-- name: window
-- The newest rows of a path, newest first, and with $9 its first system messages (pinned).
-- $1 to $5 as in path; the walk stops with the row that starts the $6-th turn, that spends more than
-- $7 tokens, or that is the $8-th or later and a cut; and one row later, which is the parent.
WITH RECURSIVE /*use path*/,
walk AS MATERIALIZED (
  SELECT m.*, row_number() OVER w AS n, count(*) FILTER (WHERE m.starts) OVER w AS turns,
         sum(m.tokens) OVER w AS spent
  FROM path p CROSS JOIN LATERAL (
    SELECT m.* FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = p.thread_key AND m.seq BETWEEN p.lo AND p.hi
    ORDER BY m.seq DESC OFFSET 0
  ) m
  WINDOW w AS (ROWS UNBOUNDED PRECEDING)
  LIMIT 1001
),
stop AS MATERIALIZED (
  SELECT w.n FROM walk w
  WHERE (w.starts AND w.turns = $6::bigint) OR w.spent > $7::bigint OR (w.cut AND w.n >= $8::bigint)
  LIMIT 1
),
early AS MATERIALIZED (
  SELECT m.*, 1::bigint AS n, row_number() OVER () AS place
  FROM (SELECT p.* FROM path p WHERE $9::boolean ORDER BY p.hi) p CROSS JOIN LATERAL (
    SELECT m.* FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = p.thread_key AND m.seq BETWEEN p.lo AND p.hi
    ORDER BY m.seq OFFSET 0
  ) m
  LIMIT 1000
),
first_turn AS MATERIALIZED (SELECT e.place FROM early e WHERE e.starts LIMIT 1)
SELECT m.pinned, m.starts, m.cut, m.calls, m.answers, /*use message_columns*/
FROM (
  (SELECT w.*, false AS pinned FROM walk w LIMIT (SELECT coalesce(min(s.n) + 1, 1001) FROM stop s))
  UNION ALL
  (SELECT e.*, NULL, true FROM (
     SELECT e.* FROM early e LIMIT (SELECT coalesce(min(f.place) - 1, 1000) FROM first_turn f)
   ) e WHERE e.role = 'system' LIMIT 16)
) m;
