-- Sessions, spans, attachments and feedback; which session a message belongs to; locked threads.

CREATE TABLE /*schema*/sessions (
  owner_key bigint NOT NULL,
  thread_key bigint,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  archived_at timestamptz,
  expires_at timestamptz,
  owner_id text NOT NULL,
  session_id text NOT NULL,
  user_id text,
  sdk_version text,
  metadata jsonb,
  state json,
  CONSTRAINT sessions_pkey PRIMARY KEY (owner_key, owner_id, session_id),
  CONSTRAINT sessions_thread_fkey FOREIGN KEY (owner_key, thread_key)
    REFERENCES /*schema*/threads (owner_key, thread_key) ON DELETE CASCADE
) WITH (fillfactor = 75);

CREATE INDEX sessions_created_idx ON /*schema*/sessions (owner_key, created_at, session_id);

CREATE INDEX sessions_thread_idx ON /*schema*/sessions (owner_key, thread_key, created_at, session_id)
  WHERE thread_key IS NOT NULL;

CREATE INDEX sessions_user_idx ON /*schema*/sessions (owner_key, user_id, created_at, session_id)
  WHERE user_id IS NOT NULL;

CREATE INDEX sessions_expiry_idx ON /*schema*/sessions (owner_key, expires_at)
  WHERE expires_at IS NOT NULL;

-- A span outlives its thread: thread_key then names none any more.
CREATE TABLE /*schema*/spans (
  owner_key bigint NOT NULL,
  thread_key bigint,
  started_at timestamptz NOT NULL,
  ended_at timestamptz,
  duration_ms double precision,
  owner_id text NOT NULL,
  span_id text NOT NULL,
  parent_id text,
  user_id text,
  run text,
  name text NOT NULL,
  type text NOT NULL,
  status text NOT NULL,
  error text,
  input_tokens bigint,
  output_tokens bigint,
  cached_tokens bigint,
  reasoning_tokens bigint,
  cost numeric,
  metadata jsonb,
  input json,
  output json,
  CONSTRAINT spans_pkey PRIMARY KEY (owner_key, owner_id, span_id),
  CONSTRAINT spans_parent_fkey FOREIGN KEY (owner_key, owner_id, parent_id)
    REFERENCES /*schema*/spans (owner_key, owner_id, span_id) ON DELETE CASCADE,
  CONSTRAINT spans_status_check
    CHECK (status IN ('complete', 'running', 'interrupted', 'failed', 'cancelled')),
  CONSTRAINT spans_end_check CHECK ((status = 'running') = (ended_at IS NULL)),
  CONSTRAINT spans_duration_check CHECK (duration_ms >= 0),
  CONSTRAINT spans_usage_check CHECK (
    input_tokens >= 0 AND output_tokens >= 0 AND cached_tokens >= 0 AND reasoning_tokens >= 0
    AND cost >= 0)
) WITH (fillfactor = 75);

CREATE INDEX spans_started_idx ON /*schema*/spans (owner_key, started_at, span_id);

CREATE INDEX spans_thread_idx ON /*schema*/spans (owner_key, thread_key, started_at, span_id)
  WHERE thread_key IS NOT NULL;

CREATE INDEX spans_user_idx ON /*schema*/spans (owner_key, user_id, started_at, span_id)
  WHERE user_id IS NOT NULL;

CREATE INDEX spans_parent_idx
  ON /*schema*/spans (owner_key, owner_id, parent_id, started_at, span_id)
  WHERE parent_id IS NOT NULL;

-- What is known of a file; its bytes stand elsewhere. stored_at is NULL while they are only announced.
CREATE TABLE /*schema*/attachments (
  owner_key bigint NOT NULL,
  thread_key bigint,
  size bigint,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  stored_at timestamptz,
  owner_id text NOT NULL,
  attachment_id text NOT NULL,
  user_id text,
  name text NOT NULL,
  media_type text NOT NULL,
  metadata jsonb,
  format text,
  payload json,
  CONSTRAINT attachments_pkey PRIMARY KEY (owner_key, owner_id, attachment_id),
  CONSTRAINT attachments_thread_fkey FOREIGN KEY (owner_key, thread_key)
    REFERENCES /*schema*/threads (owner_key, thread_key) ON DELETE CASCADE,
  CONSTRAINT attachments_size_check CHECK (size >= 0)
) WITH (fillfactor = 75);

CREATE INDEX attachments_created_idx
  ON /*schema*/attachments (owner_key, created_at, attachment_id);

CREATE INDEX attachments_user_idx
  ON /*schema*/attachments (owner_key, user_id, created_at, attachment_id)
  WHERE user_id IS NOT NULL;

CREATE INDEX attachments_thread_idx
  ON /*schema*/attachments (owner_key, thread_key, created_at, attachment_id)
  WHERE thread_key IS NOT NULL;

CREATE INDEX attachments_unused_idx
  ON /*schema*/attachments (owner_key, created_at, attachment_id)
  WHERE thread_key IS NULL;

-- One word of each user on a message; user_id is empty where the app tells no users apart.
CREATE TABLE /*schema*/feedback (
  owner_key bigint NOT NULL,
  thread_key bigint NOT NULL,
  seq bigint NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  user_id text NOT NULL,
  kind text NOT NULL,
  comment text,
  CONSTRAINT feedback_pkey PRIMARY KEY (owner_key, thread_key, seq, user_id),
  CONSTRAINT feedback_message_fkey FOREIGN KEY (owner_key, thread_key, seq)
    REFERENCES /*schema*/messages (owner_key, thread_key, seq) ON DELETE CASCADE,
  CONSTRAINT feedback_kind_check CHECK (kind IN ('positive', 'negative'))
);

-- The session that a message was said in.
ALTER TABLE /*schema*/messages ADD COLUMN session text;

-- Whether people may still write: NULL is open.
ALTER TABLE /*schema*/threads ADD COLUMN access text;
ALTER TABLE /*schema*/threads ADD COLUMN access_reason text;
ALTER TABLE /*schema*/threads ADD CONSTRAINT threads_access_check
  CHECK (access IN ('locked', 'closed')) NOT VALID;
ALTER TABLE /*schema*/threads VALIDATE CONSTRAINT threads_access_check;
