-- What a server needs: API keys, refresh tokens, events and scores.

-- A key's text is never stored: hash is the SHA-256 of its secret half. The text names the
-- owner_key and the key_id, not the owner: so the primary key begins with these two.
CREATE TABLE /*schema*/api_keys (
  owner_key bigint NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  owner_id text NOT NULL,
  key_id text NOT NULL,
  user_id text,
  name text NOT NULL,
  scopes text[] NOT NULL,
  hash bytea NOT NULL,
  replaces text,
  CONSTRAINT api_keys_pkey PRIMARY KEY (owner_key, key_id, owner_id),
  CONSTRAINT api_keys_hash_check CHECK (octet_length(hash) = 32)
) WITH (fillfactor = 75);

CREATE INDEX api_keys_created_idx ON /*schema*/api_keys (owner_key, created_at, key_id);

-- A line of refresh tokens: each use makes the next generation, and only the newest ones count.
CREATE TABLE /*schema*/refresh_tokens (
  owner_key bigint NOT NULL,
  generation bigint NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  owner_id text NOT NULL,
  token_id text NOT NULL,
  user_id text,
  CONSTRAINT refresh_tokens_pkey PRIMARY KEY (owner_key, owner_id, token_id),
  CONSTRAINT refresh_tokens_generation_check CHECK (generation >= 0)
) WITH (fillfactor = 75);

CREATE INDEX refresh_tokens_expiry_idx ON /*schema*/refresh_tokens (owner_key, expires_at);

-- What a person did in a front end: a branch switched, a message copied.
CREATE TABLE /*schema*/events (
  owner_key bigint NOT NULL,
  thread_key bigint,
  value bigint,
  created_at timestamptz NOT NULL,
  owner_id text NOT NULL,
  event_id text NOT NULL,
  user_id text,
  kind text NOT NULL,
  message_id text,
  run text,
  props jsonb,
  CONSTRAINT events_pkey PRIMARY KEY (owner_key, owner_id, event_id),
  CONSTRAINT events_thread_fkey FOREIGN KEY (owner_key, thread_key)
    REFERENCES /*schema*/threads (owner_key, thread_key) ON DELETE CASCADE
);

CREATE INDEX events_created_idx ON /*schema*/events (owner_key, created_at, event_id);

CREATE INDEX events_thread_idx ON /*schema*/events (owner_key, thread_key, created_at, event_id)
  WHERE thread_key IS NOT NULL;

-- A judgement with a name: of a thread, a message or a run, by a person or a program.
CREATE TABLE /*schema*/scores (
  owner_key bigint NOT NULL,
  thread_key bigint,
  value double precision,
  created_at timestamptz NOT NULL,
  owner_id text NOT NULL,
  score_id text NOT NULL,
  user_id text,
  name text NOT NULL,
  type text NOT NULL,
  text_value text,
  comment text,
  message_id text,
  run text,
  CONSTRAINT scores_pkey PRIMARY KEY (owner_key, owner_id, score_id),
  CONSTRAINT scores_thread_fkey FOREIGN KEY (owner_key, thread_key)
    REFERENCES /*schema*/threads (owner_key, thread_key) ON DELETE CASCADE,
  CONSTRAINT scores_type_check CHECK (type IN ('numeric', 'categorical', 'boolean')),
  CONSTRAINT scores_value_check CHECK ((type = 'categorical') = (text_value IS NOT NULL)
    AND (type = 'categorical') = (value IS NULL))
);

CREATE INDEX scores_created_idx ON /*schema*/scores (owner_key, created_at, score_id);

CREATE INDEX scores_thread_idx ON /*schema*/scores (owner_key, thread_key, created_at, score_id)
  WHERE thread_key IS NOT NULL;
