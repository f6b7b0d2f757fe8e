-- fragment: scanned
-- What a scan of a thread reads, in stretches of seq, newest first: a path, or with $6 the whole
-- tree. And the place to start after: a given one, or that of the message $8, unknown: none.
/*use path*/,
stretches AS (
  SELECT p.thread_key, p.hi, p.lo FROM path p WHERE NOT $6::boolean
  UNION ALL
  SELECT t.thread_key, 9223372036854775807, 0 FROM thread t WHERE $6::boolean
),
start AS MATERIALIZED (
  SELECT $18::timestamptz AS at, $19::bigint AS seq WHERE $8::text IS NULL
  UNION ALL
  SELECT a.created_at, a.seq FROM thread t CROSS JOIN LATERAL (
    SELECT m.created_at, m.seq FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = t.thread_key
      AND m.message_id BETWEEN $8::text AND $8::text
    ORDER BY m.message_id LIMIT 1
  ) a
),
head AS MATERIALIZED (
  SELECT CASE WHEN $6::boolean THEN (/*use head_id*/) END AS id FROM thread t
)

-- fragment: scanned_columns
-- The columns of a message, and the id of the head of a tree, for which one row without a seq stands
-- where no message matches.
/*use message_columns*/, h.id

-- fragment: scanned_rows
-- The messages of a stretch that a scan is about. Only an archived session that the handle can
-- reach hides its messages: one of its user, or one of this thread.
m.owner_key = $1::bigint AND m.thread_key = p.thread_key AND m.seq BETWEEN p.lo AND p.hi
      AND m.seq > $7::bigint
      AND ($11::text[] IS NULL OR m.role = ANY ($11::text[]))
      AND ($12::text IS NULL OR m.metadata @> $12::text::jsonb)
      AND ($13::timestamptz IS NULL OR m.created_at >= $13::timestamptz)
      AND ($14::timestamptz IS NULL OR m.created_at < $14::timestamptz)
      AND ($15::boolean IS NULL OR (m.calls IS NOT NULL) = $15::boolean)
      AND ($16::text IS NULL OR m.session = $16::text)
      AND ($17::boolean OR m.session IS NULL OR NOT EXISTS (
        SELECT FROM /*schema*/sessions s
        WHERE s.owner_key = $1::bigint AND s.owner_id = $2::text AND s.session_id = m.session
          AND ($4::text IS NULL OR s.user_id = $4::text OR s.thread_key = m.thread_key)
          AND s.archived_at IS NOT NULL))

-- name: messages_scan_up
-- A page of the messages that match, by seq, newest first; reads only as far as it has to.
-- $1 to $5 as in path, $6 all of the tree and not a path, $7 only what stands after this seq,
-- $8 start after this message, $9 rows to return, $10 rows to skip. What they must match (NULL: any):
-- $11 roles, $12 metadata to contain, $13 and $14 created since and before, $15 whether they call
-- tools, $16 session; $17 also messages of archived sessions. $18 NULL, $19 start after this seq.
WITH RECURSIVE /*use scanned*/
SELECT /*use scanned_columns*/
FROM head h LEFT JOIN (
  SELECT m.*, 1 AS n
  FROM stretches p CROSS JOIN LATERAL (
    SELECT m.* FROM /*schema*/messages m
    WHERE /*use scanned_rows*/ AND m.seq < (SELECT s.seq FROM start s)
    ORDER BY m.seq DESC OFFSET 0
  ) m
  WHERE p.hi > $7::bigint
  LIMIT $9::integer OFFSET $10::bigint
) m ON true;

-- name: messages_scan_down
-- The same, oldest first.
WITH RECURSIVE /*use scanned*/
SELECT /*use scanned_columns*/
FROM head h LEFT JOIN (
  SELECT m.*, 1 AS n
  FROM (SELECT p.* FROM stretches p ORDER BY p.hi) p CROSS JOIN LATERAL (
    SELECT m.* FROM /*schema*/messages m
    WHERE /*use scanned_rows*/ AND m.seq > (SELECT s.seq FROM start s)
    ORDER BY m.seq OFFSET 0
  ) m
  WHERE p.hi > $7::bigint
  LIMIT $9::integer OFFSET $10::bigint
) m ON true;

-- name: messages_newest, messages_oldest reversed
-- The same by created_at, and by seq where that is equal: reads and sorts all that match.
-- $1 to $17 as in messages_scan_up, $18 and $19 the place to start after.
WITH RECURSIVE /*use scanned*/
SELECT /*use scanned_columns*/
FROM head h LEFT JOIN (
  SELECT m.*, 1 AS n
  FROM (
    SELECT m.thread_key, m.seq FROM stretches p CROSS JOIN LATERAL (
      SELECT m.thread_key, m.seq, m.created_at FROM /*schema*/messages m
      WHERE /*use scanned_rows*/
      OFFSET 0
    ) m
    WHERE (m.created_at, m.seq) /*past*/< (SELECT s.at, s.seq FROM start s)
    ORDER BY m.created_at /*dir*/DESC, m.seq /*dir*/DESC
    LIMIT $9::integer OFFSET $10::bigint
  ) k CROSS JOIN LATERAL (
    SELECT m.* FROM /*schema*/messages m
    WHERE m.owner_key = $1::bigint AND m.thread_key = k.thread_key
      AND m.seq BETWEEN k.seq AND k.seq
    ORDER BY m.seq LIMIT 1
  ) m
) m ON true;

-- fragment: sorted_threads
-- A page of s, the threads that match, by what $8 names and then by their key; reads and sorts them
-- all. What a thread is not sorted by is the same for all.
SELECT k.untitled, k.at, k.title, k.thread_key, /*use thread_columns*/
FROM (
  SELECT k.* FROM (
    SELECT s.thread_key, $8::text = 'title' AND s.title IS NULL AS untitled,
           CASE $8::text WHEN 'created_at' THEN s.created_at WHEN 'updated_at' THEN s.updated_at
             WHEN 'active_at' THEN s.active_at ELSE timestamptz 'epoch' END AS at,
           CASE WHEN $8::text = 'title' AND s.title IS NOT NULL THEN left(s.title, 200)
             ELSE '' END COLLATE "C" AS title
    FROM s
  ) k
  WHERE $12::bigint IS NULL OR (k.untitled, k.at, k.title, k.thread_key)
    /*past*/< ($9::boolean, $10::timestamptz, $11::text, $12::bigint)
  ORDER BY k.untitled /*dir*/DESC, k.at /*dir*/DESC, k.title /*dir*/DESC, k.thread_key /*dir*/DESC
  LIMIT $13::integer OFFSET $14::bigint
) k CROSS JOIN LATERAL (
  SELECT t.* FROM /*schema*/threads t
  WHERE t.owner_key = $1::bigint AND t.thread_key BETWEEN k.thread_key AND k.thread_key
  ORDER BY t.thread_key LIMIT 1
) t
ORDER BY k.untitled /*dir*/DESC, k.at /*dir*/DESC, k.title /*dir*/DESC, k.thread_key /*dir*/DESC

-- name: threads_sorted_down, threads_sorted_up reversed
-- A page of an owner's threads by created_at, updated_at, active_at or title.
-- $1 owner_key, $2 owner_id, $3 status, $4 metadata to contain, $5 pattern of the title (NULL: any),
-- $6 and $7 active since and before, $8 what to sort by, $9 to $12 the place to start after
-- (NULL: the start), $13 rows to return, $14 rows to skip.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH s AS (
    SELECT t.* FROM /*schema*/threads t
    WHERE t.owner_key = $1::bigint AND t.owner_id = $2::text AND g.owner IS NOT NULL
      AND ($3::text IS NULL OR t.status = $3::text)
      AND ($4::text IS NULL OR t.metadata @> $4::text::jsonb)
      AND ($5::text IS NULL OR t.title ILIKE $5::text)
      AND t.active_at >= $6::timestamptz AND t.active_at < $7::timestamptz
  )
  /*use sorted_threads*/
) r;

-- name: threads_of_user_sorted_down, threads_of_user_sorted_up reversed
-- The same of one user, $15 user_id.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH s AS (
    SELECT t.* FROM /*schema*/threads t
    WHERE t.owner_key = $1::bigint AND t.owner_id IS NOT DISTINCT FROM $2::text
      AND t.user_id = $15::text AND g.owner IS NOT NULL
      AND ($3::text IS NULL OR t.status = $3::text)
      AND ($4::text IS NULL OR t.metadata @> $4::text::jsonb)
      AND ($5::text IS NULL OR t.title ILIKE $5::text)
      AND t.active_at >= $6::timestamptz AND t.active_at < $7::timestamptz
  )
  /*use sorted_threads*/
) r;

-- name: threads_of_external_sorted_down, threads_of_external_sorted_up reversed
-- The same of one external_id, $16, and of one user, $15 user_id or NULL for all.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  WITH s AS (
    SELECT t.* FROM /*schema*/threads t
    WHERE t.owner_key = $1::bigint AND t.owner_id IS NOT DISTINCT FROM $2::text
      AND t.external_id = $16::text
      AND ($15::text IS NULL OR t.user_id = $15::text) AND g.owner IS NOT NULL
      AND ($3::text IS NULL OR t.status = $3::text)
      AND ($4::text IS NULL OR t.metadata @> $4::text::jsonb)
      AND ($5::text IS NULL OR t.title ILIKE $5::text)
      AND t.active_at >= $6::timestamptz AND t.active_at < $7::timestamptz
  )
  /*use sorted_threads*/
) r;

-- name: thread_place
-- Where a thread stands in each of the orders.
-- $1 owner_key, $2 owner_id, $3 thread_id, $4 user_id.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT t.thread_key, t.active_at, t.created_at, t.updated_at, left(t.title, 200)
  FROM (/*use named_thread*/) t
) r;

-- name: threads_previews
-- The head message of each of the threads that are there.
-- $1 owner_key, $2 owner_id, $3 user_id, $4 thread_ids.
SELECT r.* FROM (
  SELECT set_config('threadkeep.owner', $1::bigint::text, true) AS owner OFFSET 0
) g CROSS JOIN LATERAL (
  SELECT t.thread_id, h.format, h.payload::text
  FROM unnest($4::text[]) AS x (thread_id) CROSS JOIN LATERAL (
    SELECT t.* FROM /*schema*/threads t
    WHERE t.owner_key = $1::bigint AND t.owner_id = $2::text
      AND t.thread_id BETWEEN x.thread_id AND x.thread_id
      AND ($3::text IS NULL OR t.user_id = $3::text) AND g.owner IS NOT NULL
    ORDER BY t.thread_id LIMIT 1
  ) t LEFT JOIN LATERAL (
    SELECT h.format, h.payload FROM /*schema*/messages h
    WHERE h.owner_key = $1::bigint AND h.thread_key = t.thread_key
      AND h.seq BETWEEN t.head_seq AND t.head_seq
    ORDER BY h.seq LIMIT 1
  ) h ON true
) r;
