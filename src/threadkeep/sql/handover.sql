-- Everything of one owner becomes another's. In these blocks: $1 owner_key and $2 owner_id of the
-- one, $3 owner_key and $4 owner_id of the other, $5 whether $6 is the user of all of it from now on.
-- They run in one transaction of the admin role, in the order in which they stand here. The threads
-- are locked first: whatever waits for one of them finds it gone afterwards.

-- fragment: handed
-- The keys of the threads that stand under both owners, which are those that were locked: a key is
-- given out once, and rows keep theirs.
SELECT o.thread_key FROM /*schema*/threads o CROSS JOIN LATERAL (
    SELECT n.thread_key FROM /*schema*/threads n
    WHERE n.owner_key = $3::bigint AND n.thread_key BETWEEN o.thread_key AND o.thread_key
      AND n.owner_id = $4::text
    ORDER BY n.thread_key LIMIT 1
  ) n
  WHERE o.owner_key = $1::bigint AND o.owner_id = $2::text

-- fragment: handed_or_loose
-- Whether a row of x has no thread, or one that is handed over. One that came meanwhile stays.
(x.thread_key IS NULL OR x.thread_key IN (/*use handed*/))

-- fragment: own_mark
-- What stands in the xmax of a row that this transaction has locked, and of no other.
pg_current_xact_id()::xid

-- name: handover_threads
-- Locks the threads, in the order in which bulk_append locks them, and copies them: how many there
-- are, and the least id that the other owner has too.
WITH found AS MATERIALIZED (
  SELECT t.* FROM /*schema*/threads t
  WHERE t.owner_key = $1::bigint AND t.owner_id = $2::text
  ORDER BY t.thread_id COLLATE "C"
  FOR UPDATE
),
made AS (
  INSERT INTO /*schema*/threads (
    owner_key, thread_key, next_seq, head_seq, head_anchor, head_parent, structure, revision,
    message_count, created_at, updated_at, active_at, turns, owner_id, thread_id, user_id,
    external_id, title, status, metadata, format, payload, live_run, live_until, input_tokens,
    output_tokens, cached_tokens, reasoning_tokens, cost, access, access_reason)
  OVERRIDING SYSTEM VALUE
  SELECT $3::bigint, t.thread_key, t.next_seq, t.head_seq, t.head_anchor, t.head_parent,
         t.structure, t.revision, t.message_count, t.created_at, t.updated_at, t.active_at, t.turns,
         $4::text, t.thread_id, CASE WHEN $5::boolean THEN $6::text ELSE t.user_id END,
         t.external_id, t.title, t.status, t.metadata, t.format, t.payload, t.live_run,
         t.live_until, t.input_tokens, t.output_tokens, t.cached_tokens, t.reasoning_tokens, t.cost,
         t.access, t.access_reason
  FROM found t ORDER BY t.thread_id COLLATE "C"
  ON CONFLICT (owner_key, owner_id, thread_id) DO NOTHING
  RETURNING thread_key
)
SELECT count(*), min(t.thread_id COLLATE "C") FILTER (WHERE m.thread_key IS NULL)
FROM found t LEFT JOIN made m ON m.thread_key = t.thread_key;

-- name: handover_messages
-- Copies the messages. Only whoever holds their thread's lock changes them, but feedback is given
-- without it: that waits for theirs.
INSERT INTO /*schema*/messages (
    owner_key, thread_key, seq, parent_seq, anchor, created_at, updated_at, turn, tokens, starts,
    cut, message_id, role, status, format, metadata, calls, answers, payload, run, session)
SELECT $3::bigint, m.thread_key, m.seq, m.parent_seq, m.anchor, m.created_at, m.updated_at, m.turn,
       m.tokens, m.starts, m.cut, m.message_id, m.role, m.status, m.format, m.metadata, m.calls,
       m.answers, m.payload, m.run, m.session
FROM (/*use handed*/) t CROSS JOIN LATERAL (
  SELECT m.* FROM /*schema*/messages m
  WHERE m.owner_key = $1::bigint AND m.thread_key = t.thread_key
  ORDER BY m.seq
  FOR UPDATE
) m;

-- name: handover_runs
-- Moves the runs. Here and below a row is deleted and copied at once, so that it is copied as it was
-- when nobody could change it any more.
WITH gone AS (
  DELETE FROM /*schema*/runs r
  WHERE r.owner_key = $1::bigint AND r.thread_key IN (/*use handed*/)
  RETURNING r.*
)
INSERT INTO /*schema*/runs (
    owner_key, thread_key, started_at, renewed_at, lease_until, ended_at, exclusive, run_id,
    status, input_tokens, output_tokens, cached_tokens, reasoning_tokens, cost)
SELECT $3::bigint, r.thread_key, r.started_at, r.renewed_at, r.lease_until, r.ended_at,
       r.exclusive, r.run_id, r.status, r.input_tokens, r.output_tokens, r.cached_tokens,
       r.reasoning_tokens, r.cost
FROM gone r ORDER BY r.thread_key, r.run_id;

-- name: handover_feedback
-- Moves the feedback. Where several users become one, the latest word on a message counts.
WITH gone AS (
  DELETE FROM /*schema*/feedback f
  WHERE f.owner_key = $1::bigint AND f.thread_key IN (/*use handed*/)
  RETURNING f.*, CASE WHEN $5::boolean THEN coalesce($6::text, '') ELSE f.user_id END AS whose
)
INSERT INTO /*schema*/feedback (
    owner_key, thread_key, seq, created_at, updated_at, user_id, kind, comment)
SELECT DISTINCT ON (f.thread_key, f.seq, f.whose)
       $3::bigint, f.thread_key, f.seq, f.created_at, f.updated_at, f.whose, f.kind, f.comment
FROM gone f ORDER BY f.thread_key, f.seq, f.whose, f.updated_at DESC, f.user_id;

-- name: handover_sessions
-- Moves the sessions: the least id that the other owner has too.
WITH gone AS (
  DELETE FROM /*schema*/sessions x
  WHERE x.owner_key = $1::bigint AND x.owner_id = $2::text
    AND /*use handed_or_loose*/
  RETURNING x.*
),
made AS (
  INSERT INTO /*schema*/sessions (
    owner_key, thread_key, created_at, updated_at, archived_at, expires_at, owner_id, session_id,
    user_id, sdk_version, metadata, state)
  SELECT $3::bigint, x.thread_key, x.created_at, x.updated_at, x.archived_at, x.expires_at,
         $4::text, x.session_id, CASE WHEN $5::boolean THEN $6::text ELSE x.user_id END, x.sdk_version,
         x.metadata, x.state
  FROM gone x ORDER BY x.session_id COLLATE "C"
  ON CONFLICT (owner_key, owner_id, session_id) DO NOTHING
  RETURNING session_id
)
SELECT min(x.session_id COLLATE "C")
FROM gone x LEFT JOIN made m ON m.session_id = x.session_id WHERE m.session_id IS NULL;

-- name: handover_attachments
-- Moves the attachments, as the sessions.
WITH gone AS (
  DELETE FROM /*schema*/attachments x
  WHERE x.owner_key = $1::bigint AND x.owner_id = $2::text
    AND /*use handed_or_loose*/
  RETURNING x.*
),
made AS (
  INSERT INTO /*schema*/attachments (
    owner_key, thread_key, size, created_at, updated_at, stored_at, owner_id, attachment_id,
    user_id, name, media_type, metadata, format, payload)
  SELECT $3::bigint, x.thread_key, x.size, x.created_at, x.updated_at, x.stored_at, $4::text,
         x.attachment_id, CASE WHEN $5::boolean THEN $6::text ELSE x.user_id END, x.name,
         x.media_type, x.metadata, x.format, x.payload
  FROM gone x ORDER BY x.attachment_id COLLATE "C"
  ON CONFLICT (owner_key, owner_id, attachment_id) DO NOTHING
  RETURNING attachment_id
)
SELECT min(x.attachment_id COLLATE "C")
FROM gone x LEFT JOIN made m ON m.attachment_id = x.attachment_id WHERE m.attachment_id IS NULL;

-- name: handover_events
-- Moves the events, as the sessions.
WITH gone AS (
  DELETE FROM /*schema*/events x
  WHERE x.owner_key = $1::bigint AND x.owner_id = $2::text
    AND /*use handed_or_loose*/
  RETURNING x.*
),
made AS (
  INSERT INTO /*schema*/events (
    owner_key, thread_key, value, created_at, owner_id, event_id, user_id, kind, message_id, run,
    props)
  SELECT $3::bigint, x.thread_key, x.value, x.created_at, $4::text, x.event_id,
         CASE WHEN $5::boolean THEN $6::text ELSE x.user_id END, x.kind, x.message_id, x.run,
         x.props
  FROM gone x ORDER BY x.event_id COLLATE "C"
  ON CONFLICT (owner_key, owner_id, event_id) DO NOTHING
  RETURNING event_id
)
SELECT min(x.event_id COLLATE "C")
FROM gone x LEFT JOIN made m ON m.event_id = x.event_id WHERE m.event_id IS NULL;

-- name: handover_scores
-- Moves the scores, as the sessions.
WITH gone AS (
  DELETE FROM /*schema*/scores x
  WHERE x.owner_key = $1::bigint AND x.owner_id = $2::text
    AND /*use handed_or_loose*/
  RETURNING x.*
),
made AS (
  INSERT INTO /*schema*/scores (
    owner_key, thread_key, value, created_at, owner_id, score_id, user_id, name, type, text_value,
    comment, message_id, run)
  SELECT $3::bigint, x.thread_key, x.value, x.created_at, $4::text, x.score_id,
         CASE WHEN $5::boolean THEN $6::text ELSE x.user_id END, x.name, x.type, x.text_value,
         x.comment, x.message_id, x.run
  FROM gone x ORDER BY x.score_id COLLATE "C"
  ON CONFLICT (owner_key, owner_id, score_id) DO NOTHING
  RETURNING score_id
)
SELECT min(x.score_id COLLATE "C")
FROM gone x LEFT JOIN made m ON m.score_id = x.score_id WHERE m.score_id IS NULL;

-- name: handover_lock_spans
-- Locks spans that are not locked yet, all or with $3 only those next to a locked one: how many. A
-- span is deleted with all below it, and below a locked one nothing new can be hung. What was hung
-- there before the lock but after this statement began to read, the next round finds.
-- $1 owner_key, $2 owner_id.
SELECT count(*) FROM (
  SELECT s.span_id FROM /*schema*/spans s
  WHERE s.owner_key = $1::bigint AND s.owner_id = $2::text AND s.xmax <> /*use own_mark*/
    AND (NOT $3::boolean
         OR EXISTS (
           SELECT FROM /*schema*/spans p
           WHERE p.owner_key = $1::bigint AND p.owner_id = $2::text AND p.span_id = s.parent_id
             AND p.xmax = /*use own_mark*/)
         OR EXISTS (
           SELECT FROM /*schema*/spans c
           WHERE c.owner_key = $1::bigint AND c.owner_id = $2::text AND c.parent_id = s.span_id
             AND c.xmax = /*use own_mark*/))
  ORDER BY s.span_id COLLATE "C"
  FOR UPDATE
) s;

-- name: handover_spans
-- Moves the locked spans, as the sessions.
WITH gone AS (
  DELETE FROM /*schema*/spans x
  WHERE x.owner_key = $1::bigint AND x.owner_id = $2::text
    AND x.xmax = /*use own_mark*/
  RETURNING x.*
),
made AS (
  INSERT INTO /*schema*/spans (
    owner_key, thread_key, started_at, ended_at, duration_ms, owner_id, span_id, parent_id,
    user_id, run, name, type, status, error, input_tokens, output_tokens, cached_tokens,
    reasoning_tokens, cost, metadata, input, output)
  SELECT $3::bigint, x.thread_key, x.started_at, x.ended_at, x.duration_ms, $4::text, x.span_id,
         x.parent_id, CASE WHEN $5::boolean THEN $6::text ELSE x.user_id END, x.run, x.name, x.type,
         x.status, x.error, x.input_tokens, x.output_tokens, x.cached_tokens, x.reasoning_tokens,
         x.cost, x.metadata, x.input, x.output
  FROM gone x ORDER BY x.span_id COLLATE "C"
  ON CONFLICT (owner_key, owner_id, span_id) DO NOTHING
  RETURNING span_id
)
SELECT min(x.span_id COLLATE "C")
FROM gone x LEFT JOIN made m ON m.span_id = x.span_id WHERE m.span_id IS NULL;

-- name: handover_done
-- Deletes the old threads, and the old messages with them: how many threads, and what tells the
-- transaction from others, now that all of it is in the log (see xact_status).
WITH gone AS (
  DELETE FROM /*schema*/threads t
  WHERE t.owner_key = $1::bigint AND t.owner_id = $2::text
    AND t.thread_key IN (/*use handed*/)
  RETURNING t.thread_key
)
SELECT g.count, /*use transaction_mark*/ FROM (SELECT count(*) AS count FROM gone) g;

-- name: handover_in_place
-- The same at once, where both owners have the same key, and all rows stay where they are; the spans
-- are locked. 23505: the other owner has an id too.
-- $1 owner_key, $2 and $3 owner_id of the one and the other, $4 whether $5 is the user.
WITH threads AS (
  UPDATE /*schema*/threads x SET
    owner_id = $3::text, user_id = CASE WHEN $4::boolean THEN $5::text ELSE x.user_id END
  WHERE x.owner_key = $1::bigint AND x.owner_id = $2::text
  RETURNING x.thread_key
),
sessions AS (
  UPDATE /*schema*/sessions x SET
    owner_id = $3::text, user_id = CASE WHEN $4::boolean THEN $5::text ELSE x.user_id END
  WHERE x.owner_key = $1::bigint AND x.owner_id = $2::text
),
attachments AS (
  UPDATE /*schema*/attachments x SET
    owner_id = $3::text, user_id = CASE WHEN $4::boolean THEN $5::text ELSE x.user_id END
  WHERE x.owner_key = $1::bigint AND x.owner_id = $2::text
),
events AS (
  UPDATE /*schema*/events x SET
    owner_id = $3::text, user_id = CASE WHEN $4::boolean THEN $5::text ELSE x.user_id END
  WHERE x.owner_key = $1::bigint AND x.owner_id = $2::text
),
scores AS (
  UPDATE /*schema*/scores x SET
    owner_id = $3::text, user_id = CASE WHEN $4::boolean THEN $5::text ELSE x.user_id END
  WHERE x.owner_key = $1::bigint AND x.owner_id = $2::text
),
spans AS (
  UPDATE /*schema*/spans x SET
    owner_id = $3::text, user_id = CASE WHEN $4::boolean THEN $5::text ELSE x.user_id END
  WHERE x.owner_key = $1::bigint AND x.owner_id = $2::text AND x.xmax = /*use own_mark*/
),
gone AS (
  DELETE FROM /*schema*/feedback f USING threads t
  WHERE f.owner_key = $1::bigint AND f.thread_key = t.thread_key AND $4::boolean
  RETURNING f.*
),
feedback AS (
  INSERT INTO /*schema*/feedback (
    owner_key, thread_key, seq, created_at, updated_at, user_id, kind, comment)
  SELECT DISTINCT ON (f.thread_key, f.seq)
         $1::bigint, f.thread_key, f.seq, f.created_at, f.updated_at, coalesce($5::text, ''),
         f.kind, f.comment
  FROM gone f ORDER BY f.thread_key, f.seq, f.updated_at DESC, f.user_id
)
SELECT t.count, /*use transaction_mark*/ FROM (SELECT count(*) AS count FROM threads) t;
