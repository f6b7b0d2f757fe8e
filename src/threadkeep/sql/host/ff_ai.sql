-- ff-ai's own two tables, only read. Its columns are snake_case or camelCase.
--
-- Everything goes by `id`, in the order of which rows were inserted; `created_at` is data. It has no
-- zone: the parameter named so says in which one it was written. What Python has no date for is NULL.

-- fragment: message_columns
m.id::bigint, m.uuid::text, m./*column messages.json*/::text,
    CASE WHEN m./*column messages.created_at*/ BETWEEN timestamp '0001-01-03' AND timestamp '9999-12-29'
         THEN m./*column messages.created_at*/ AT TIME ZONE $4::text END

-- name: window
-- The messages of a thread from the turn that is $3 turns from its end, all where it has fewer.
-- $1 resource, $2 thread, $4 zone.
SELECT /*use message_columns*/
FROM /*table threads*/ t
JOIN /*table messages*/ m ON m./*column messages.thread*/ = t.id
WHERE t./*column threads.resource*/ = $1::text
  AND t./*column threads.public*/ = $2::text
  AND m.id >= coalesce((
    SELECT u.id FROM /*table messages*/ u
    WHERE u./*column messages.thread*/ = t.id
      AND u./*column messages.json*/ ->> 'role' = 'user'
    ORDER BY u.id DESC
    OFFSET $3::bigint - 1 LIMIT 1), 0)
ORDER BY m.id

-- name: messages_after
-- The messages of the thread with the key $1 behind the row $2, at most $3. $4 zone.
SELECT /*use message_columns*/
FROM /*table messages*/ m
WHERE m./*column messages.thread*/ = $1::bigint AND m.id > $2::bigint
ORDER BY m.id
LIMIT $3::bigint

-- name: thread
-- The key of a thread. $1 resource, $2 thread.
SELECT t.id::bigint FROM /*table threads*/ t
WHERE t./*column threads.resource*/ = $1::text AND t./*column threads.public*/ = $2::text

-- name: threads_after
-- Threads by key behind $2, at most $3, of resource $1 or of all where that is NULL. $4 zone.
SELECT t.id::bigint, t./*column threads.resource*/, t./*column threads.public*/,
  CASE WHEN t./*column threads.created_at*/ BETWEEN timestamp '0001-01-03' AND timestamp '9999-12-29'
       THEN t./*column threads.created_at*/ AT TIME ZONE $4::text END,
  CASE WHEN t./*column threads.updated_at*/ BETWEEN timestamp '0001-01-03' AND timestamp '9999-12-29'
       THEN t./*column threads.updated_at*/ AT TIME ZONE $4::text END
FROM /*table threads*/ t
WHERE t.id > $2::bigint AND ($1::text IS NULL OR t./*column threads.resource*/ = $1::text)
ORDER BY t.id
LIMIT $3::bigint

-- name: resources_after
-- The resources behind $1 in the order of the database, all from the first where that is NULL, at
-- most $2.
SELECT DISTINCT t./*column threads.resource*/ AS resource
FROM /*table threads*/ t
WHERE $1::text IS NULL OR t./*column threads.resource*/ > $1::text
ORDER BY resource
LIMIT $2::bigint
