-- name: tool_messages_path
-- The messages of a path that call tools or hold their results; $1 to $5 as in path.
WITH RECURSIVE /*use path*/
SELECT m.seq, m.anchor, m.message_id, m.role, m.format, m.created_at, m.payload::text,
  NULL::bigint, NULL::bigint
FROM (SELECT p.* FROM path p ORDER BY p.hi) p CROSS JOIN LATERAL (
  SELECT m.* FROM /*schema*/messages m
  WHERE m.owner_key = $1::bigint AND m.thread_key = p.thread_key AND m.seq BETWEEN p.lo AND p.hi
    AND (m.calls IS NOT NULL OR m.answers IS NOT NULL)
  ORDER BY m.seq OFFSET 0
) m;

-- name: tool_messages_tree
-- Those of all branches, with what tells which of them stand on one path: where a branch begins, its
-- parent and that one's anchor, also in rows that say nothing else (their payload is NULL).
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT m.seq, m.anchor, m.message_id, m.role, m.format, m.created_at,
    CASE WHEN m.calls IS NOT NULL OR m.answers IS NOT NULL THEN m.payload::text END,
    CASE WHEN m.parent_seq IS DISTINCT FROM m.seq - 1 THEN m.parent_seq END,
    CASE WHEN m.parent_seq IS DISTINCT FROM m.seq - 1 THEN (
      SELECT p.anchor FROM /*schema*/messages p
      WHERE p.owner_key = $1::bigint AND p.thread_key = m.thread_key
        AND p.seq BETWEEN m.parent_seq AND m.parent_seq
      ORDER BY p.seq LIMIT 1) END
  FROM (/*use named_thread*/) t CROSS JOIN LATERAL (
    SELECT m.* FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = t.thread_key
      AND (m.calls IS NOT NULL OR m.answers IS NOT NULL OR m.parent_seq IS DISTINCT FROM m.seq - 1)
    ORDER BY m.seq
  ) m
) r;
