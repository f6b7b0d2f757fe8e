-- Threads and messages, and the view that joins them for people.

-- The first 8 bytes of SHA-256 of the owner's id: what keys begin with and policies compare.
CREATE FUNCTION /*schema*/owner_key(owner_id text) RETURNS bigint
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN ('x' || encode(substr(sha256(convert_to(owner_id, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint;

-- The owner that the current transaction works for; NULL where none was set.
CREATE FUNCTION /*schema*/current_owner() RETURNS bigint
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('threadkeep.owner', true), '')::bigint;

CREATE TABLE /*schema*/threads (
  owner_key bigint NOT NULL,
  thread_key bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  next_seq bigint NOT NULL,
  head_seq bigint,
  head_anchor bigint,
  head_parent bigint,
  structure bigint NOT NULL,
  revision bigint NOT NULL,
  message_count bigint NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  active_at timestamptz NOT NULL,
  turns integer NOT NULL,
  owner_id text NOT NULL,
  thread_id text NOT NULL,
  user_id text,
  external_id text,
  title text,
  status text NOT NULL,
  metadata jsonb,
  format text,
  payload json,
  CONSTRAINT threads_pkey PRIMARY KEY (owner_key, thread_key),
  CONSTRAINT threads_id_key UNIQUE (owner_key, owner_id, thread_id),
  CONSTRAINT threads_status_check CHECK (status IN ('active', 'archived')),
  CONSTRAINT threads_head_check CHECK ((head_seq IS NULL) = (head_anchor IS NULL))
) WITH (fillfactor = 75);

CREATE INDEX threads_active_idx ON /*schema*/threads (owner_key, active_at DESC, thread_key DESC);

CREATE INDEX threads_user_idx ON /*schema*/threads (owner_key, user_id, active_at DESC, thread_key DESC)
  WHERE user_id IS NOT NULL;

CREATE INDEX threads_external_idx ON /*schema*/threads (owner_key, external_id)
  WHERE external_id IS NOT NULL;

CREATE TABLE /*schema*/messages (
  owner_key bigint NOT NULL,
  thread_key bigint NOT NULL,
  seq bigint NOT NULL,
  parent_seq bigint,
  anchor bigint NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  turn integer NOT NULL,
  tokens integer NOT NULL,
  starts boolean NOT NULL,
  cut boolean NOT NULL,
  message_id text NOT NULL,
  role text NOT NULL,
  status text NOT NULL,
  format text NOT NULL,
  metadata jsonb,
  calls text[],
  answers text[],
  payload json NOT NULL,
  CONSTRAINT messages_pkey PRIMARY KEY (owner_key, thread_key, seq),
  CONSTRAINT messages_id_key UNIQUE (owner_key, thread_key, message_id),
  CONSTRAINT messages_thread_fkey FOREIGN KEY (owner_key, thread_key)
    REFERENCES /*schema*/threads (owner_key, thread_key) ON DELETE CASCADE,
  CONSTRAINT messages_role_check CHECK (role IN ('system', 'user', 'assistant', 'tool')),
  CONSTRAINT messages_status_check
    CHECK (status IN ('complete', 'running', 'interrupted', 'failed', 'cancelled')),
  CONSTRAINT messages_tree_check CHECK (parent_seq < seq AND anchor <= seq)
);

-- Only roots, branches and what follows a deleted message stand in it: a linear thread has one entry.
CREATE INDEX messages_branch_idx ON /*schema*/messages (owner_key, thread_key, parent_seq)
  WHERE parent_seq IS DISTINCT FROM seq - 1;

-- What a person looks at: ids instead of keys.
CREATE VIEW /*schema*/transcript WITH (security_invoker = true) AS
  SELECT t.owner_id, t.user_id, t.thread_id, t.title, m.seq, m.message_id, p.message_id AS parent_id,
         m.seq = t.head_seq AS is_head, m.turn, m.role, m.status, m.format, m.created_at, m.payload
  FROM /*schema*/threads t
  JOIN /*schema*/messages m ON m.owner_key = t.owner_key AND m.thread_key = t.thread_key
  LEFT JOIN /*schema*/messages p
    ON p.owner_key = m.owner_key AND p.thread_key = m.thread_key AND p.seq = m.parent_seq;
