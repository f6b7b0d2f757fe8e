-- name: settle
-- Waits until all that was committed before is on the synchronous standby too, where there is one:
-- a commit that writes waits for all that stands before it in the log.
SELECT pg_logical_emit_message(true, 'threadkeep', '')
WHERE current_setting('synchronous_standby_names') <> '';

-- name: xact_status
-- Whether a transaction was committed, though its COMMIT was never answered. A recovery since then,
-- after a crash or a failover, that did not reach the transaction's lock has lost it, and may have
-- given its id to another one; one that did reach it gives its id to nobody else. A standby cannot
-- tell.
-- $1 what thread_lock told of the transaction.
SELECT CASE
  WHEN pg_is_in_recovery() THEN 'in progress'
  WHEN r.ended <= k.had[2]::pg_lsn AND r.ended IS DISTINCT FROM k.had[3]::pg_lsn THEN 'aborted'
  ELSE pg_xact_status(k.had[1]::xid8) END
FROM (SELECT pg_last_wal_replay_lsn() AS ended) r
CROSS JOIN (SELECT string_to_array($1::text, ' ') AS had) k;
