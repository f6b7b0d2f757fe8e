-- Runs: one row for each generation, with its lease and what it used; the totals on the thread.

CREATE TABLE /*schema*/runs (
  owner_key bigint NOT NULL,
  thread_key bigint NOT NULL,
  started_at timestamptz NOT NULL,
  renewed_at timestamptz NOT NULL,
  lease_until timestamptz NOT NULL,
  ended_at timestamptz,
  exclusive boolean NOT NULL,
  run_id text NOT NULL,
  status text NOT NULL,
  input_tokens bigint,
  output_tokens bigint,
  cached_tokens bigint,
  reasoning_tokens bigint,
  cost numeric,
  CONSTRAINT runs_pkey PRIMARY KEY (owner_key, thread_key, run_id),
  CONSTRAINT runs_thread_fkey FOREIGN KEY (owner_key, thread_key)
    REFERENCES /*schema*/threads (owner_key, thread_key) ON DELETE CASCADE,
  CONSTRAINT runs_status_check
    CHECK (status IN ('complete', 'running', 'interrupted', 'failed', 'cancelled')),
  CONSTRAINT runs_end_check CHECK ((status = 'running') = (ended_at IS NULL)),
  CONSTRAINT runs_usage_check CHECK (
    input_tokens >= 0 AND output_tokens >= 0 AND cached_tokens >= 0 AND reasoning_tokens >= 0
    AND cost >= 0)
) WITH (fillfactor = 75);

CREATE INDEX runs_started_idx ON /*schema*/runs (owner_key, thread_key, started_at, run_id);

-- What the reaper reads: only the runs that have not ended. A renewed lease changes no index.
CREATE INDEX runs_running_idx ON /*schema*/runs (owner_key, thread_key) WHERE status = 'running';

-- The exclusive run that holds the thread, and until when.
ALTER TABLE /*schema*/threads ADD COLUMN live_run text;
ALTER TABLE /*schema*/threads ADD COLUMN live_until timestamptz;

-- The sums over its ended runs, NULL where no run said.
ALTER TABLE /*schema*/threads ADD COLUMN input_tokens bigint;
ALTER TABLE /*schema*/threads ADD COLUMN output_tokens bigint;
ALTER TABLE /*schema*/threads ADD COLUMN cached_tokens bigint;
ALTER TABLE /*schema*/threads ADD COLUMN reasoning_tokens bigint;
ALTER TABLE /*schema*/threads ADD COLUMN cost numeric;

ALTER TABLE /*schema*/messages ADD COLUMN run text;

-- A message that is still running shows how its run stands.
CREATE OR REPLACE VIEW /*schema*/transcript WITH (security_invoker = true) AS
  SELECT t.owner_id, t.user_id, t.thread_id, t.title, m.seq, m.message_id, p.message_id AS parent_id,
         m.seq = t.head_seq AS is_head, m.turn, m.role,
         CASE WHEN m.status <> 'running' OR m.run IS NULL THEN m.status ELSE coalesce((
           SELECT CASE WHEN r.status = 'running' AND r.lease_until <= now() THEN 'interrupted'
                       ELSE r.status END
           FROM /*schema*/runs r
           WHERE r.owner_key = m.owner_key AND r.thread_key = m.thread_key AND r.run_id = m.run
         ), 'interrupted') END AS status,
         m.format, m.created_at, m.payload, m.run
  FROM /*schema*/threads t
  JOIN /*schema*/messages m ON m.owner_key = t.owner_key AND m.thread_key = t.thread_key
  LEFT JOIN /*schema*/messages p
    ON p.owner_key = m.owner_key AND p.thread_key = m.thread_key AND p.seq = m.parent_seq;
