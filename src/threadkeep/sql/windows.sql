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
  /*use path_before*/
)

-- fragment: path_before
-- The stretch that the oldest one found hangs below.
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

-- fragment: up_path
-- The rows of a path, newest first, read only as far as they are asked for.
path p CROSS JOIN LATERAL (
    SELECT m.* FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = p.thread_key AND m.seq BETWEEN p.lo AND p.hi
    ORDER BY m.seq DESC OFFSET 0
  ) m

-- name: window_of_turns
-- The newest rows of the head's path, down to the row that starts the $5-th turn, and one more,
-- which is the parent. $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id.
-- What window does, without what the most usual one has no use for: a part of a statement takes its
-- time even where it finds nothing. `newer` counts the turns that start before the row above this
-- one. It only grows, which the order by a constant lets the server know: it stops reading there.
WITH RECURSIVE path AS (
  SELECT l.thread_key, l.hi, l.lo FROM (
    SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
  ) g CROSS JOIN LATERAL (
    SELECT t.thread_key, t.head_seq AS hi, t.head_anchor AS lo FROM (/*use named_thread*/) t
    WHERE t.head_seq IS NOT NULL OFFSET 0
  ) l
  UNION ALL
  /*use path_before*/
)
SELECT m.seq, m.parent_seq, NULL, /*use message_content*/,
  false, m.starts, m.cut, m.calls, m.answers
FROM (
  SELECT m.*, count(*) FILTER (WHERE m.starts) OVER w AS newer
  FROM (SELECT m.* FROM /*use up_path*/ LIMIT 1001) m
  WINDOW w AS (ORDER BY true ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)
) m
WHERE m.newer < $5::bigint;

-- name: window
-- The newest rows of a path, and with $9 its first system messages (pinned).
-- $1 to $5 as in path; it ends with the row that starts the $6-th turn, that spends more than $7
-- tokens, or that is the $8-th or later and a cut; and one row later, which is the parent. The path
-- is read twice: to keep whole rows between the two takes longer.
WITH RECURSIVE /*use path*/,
stop AS MATERIALIZED (
  SELECT w.n FROM (
    SELECT m.starts, m.cut, row_number() OVER w AS n,
           count(*) FILTER (WHERE m.starts) OVER w AS turns, sum(m.tokens) OVER w AS spent
    FROM /*use up_path*/
    WINDOW w AS (ROWS UNBOUNDED PRECEDING)
    LIMIT 1001
  ) w
  WHERE (w.starts AND w.turns = $6::bigint) OR w.spent > $7::bigint OR (w.cut AND w.n >= $8::bigint)
  LIMIT 1
),
early AS MATERIALIZED (
  SELECT m.*, 1 AS n, row_number() OVER () AS place
  FROM (SELECT p.* FROM path p WHERE $9::boolean ORDER BY p.hi) p CROSS JOIN LATERAL (
    SELECT m.* FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = p.thread_key AND m.seq BETWEEN p.lo AND p.hi
    ORDER BY m.seq OFFSET 0
  ) m
  LIMIT 1000
),
first_turn AS MATERIALIZED (SELECT e.place FROM early e WHERE e.starts LIMIT 1)
SELECT /*use message_columns*/, m.pinned, m.starts, m.cut, m.calls, m.answers
FROM (
  (SELECT m.*, 0 AS n, NULL::bigint AS place, false AS pinned FROM /*use up_path*/
   LIMIT (SELECT coalesce(min(s.n) + 1, 1001) FROM stop s))
  UNION ALL
  (SELECT e.*, true FROM (
     SELECT e.* FROM early e LIMIT (SELECT coalesce(min(f.place) - 1, 1000) FROM first_turn f)
   ) e WHERE e.role = 'system' LIMIT 16)
) m;
