-- name: settle
-- Waits until all that was committed before is on the synchronous standby too, where there is one:
-- a commit that writes waits for all that stands before it in the log.
SELECT pg_logical_emit_message(true, 'threadkeep', '')
WHERE current_setting('synchronous_standby_names') <> '';

-- name: xact_status
-- Whether a transaction was committed, though its COMMIT was never answered.
-- $1 the transaction's id in decimal.
SELECT pg_xact_status($1::text::xid8);
