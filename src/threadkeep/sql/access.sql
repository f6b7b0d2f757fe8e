-- In these blocks :"app_role" and the like stand for quoted names, as psql writes variables;
-- core/migrations.py fills them in.

-- name: isolate
-- Row-level security on the tables: a session that named no owner sees and writes nothing.
ALTER TABLE /*schema*/threads ENABLE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/threads FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS threads_owner ON /*schema*/threads;
CREATE POLICY threads_owner ON /*schema*/threads
  USING (owner_key = (SELECT /*schema*/current_owner()));
ALTER TABLE /*schema*/messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/messages FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS messages_owner ON /*schema*/messages;
CREATE POLICY messages_owner ON /*schema*/messages
  USING (owner_key = (SELECT /*schema*/current_owner()));
ALTER TABLE /*schema*/runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/runs FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS runs_owner ON /*schema*/runs;
CREATE POLICY runs_owner ON /*schema*/runs
  USING (owner_key = (SELECT /*schema*/current_owner()));
ALTER TABLE /*schema*/sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/sessions FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS sessions_owner ON /*schema*/sessions;
CREATE POLICY sessions_owner ON /*schema*/sessions
  USING (owner_key = (SELECT /*schema*/current_owner()));
ALTER TABLE /*schema*/spans ENABLE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/spans FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS spans_owner ON /*schema*/spans;
CREATE POLICY spans_owner ON /*schema*/spans
  USING (owner_key = (SELECT /*schema*/current_owner()));
ALTER TABLE /*schema*/attachments ENABLE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/attachments FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS attachments_owner ON /*schema*/attachments;
CREATE POLICY attachments_owner ON /*schema*/attachments
  USING (owner_key = (SELECT /*schema*/current_owner()));
ALTER TABLE /*schema*/feedback ENABLE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/feedback FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS feedback_owner ON /*schema*/feedback;
CREATE POLICY feedback_owner ON /*schema*/feedback
  USING (owner_key = (SELECT /*schema*/current_owner()));
ALTER TABLE /*schema*/api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/api_keys FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS api_keys_owner ON /*schema*/api_keys;
CREATE POLICY api_keys_owner ON /*schema*/api_keys
  USING (owner_key = (SELECT /*schema*/current_owner()));
ALTER TABLE /*schema*/refresh_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/refresh_tokens FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS refresh_tokens_owner ON /*schema*/refresh_tokens;
CREATE POLICY refresh_tokens_owner ON /*schema*/refresh_tokens
  USING (owner_key = (SELECT /*schema*/current_owner()));
ALTER TABLE /*schema*/events ENABLE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/events FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS events_owner ON /*schema*/events;
CREATE POLICY events_owner ON /*schema*/events
  USING (owner_key = (SELECT /*schema*/current_owner()));
ALTER TABLE /*schema*/scores ENABLE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/scores FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS scores_owner ON /*schema*/scores;
CREATE POLICY scores_owner ON /*schema*/scores
  USING (owner_key = (SELECT /*schema*/current_owner()));

-- name: share
-- No row-level security: only the statements of the store keep owners apart.
ALTER TABLE /*schema*/threads NO FORCE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/threads DISABLE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/messages NO FORCE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/messages DISABLE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/runs NO FORCE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/runs DISABLE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/sessions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/sessions DISABLE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/spans NO FORCE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/spans DISABLE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/attachments NO FORCE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/attachments DISABLE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/feedback NO FORCE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/feedback DISABLE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/api_keys NO FORCE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/api_keys DISABLE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/refresh_tokens NO FORCE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/refresh_tokens DISABLE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/events NO FORCE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/events DISABLE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/scores NO FORCE ROW LEVEL SECURITY;
ALTER TABLE /*schema*/scores DISABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS threads_owner ON /*schema*/threads;
DROP POLICY IF EXISTS messages_owner ON /*schema*/messages;
DROP POLICY IF EXISTS runs_owner ON /*schema*/runs;
DROP POLICY IF EXISTS sessions_owner ON /*schema*/sessions;
DROP POLICY IF EXISTS spans_owner ON /*schema*/spans;
DROP POLICY IF EXISTS attachments_owner ON /*schema*/attachments;
DROP POLICY IF EXISTS feedback_owner ON /*schema*/feedback;
DROP POLICY IF EXISTS api_keys_owner ON /*schema*/api_keys;
DROP POLICY IF EXISTS refresh_tokens_owner ON /*schema*/refresh_tokens;
DROP POLICY IF EXISTS events_owner ON /*schema*/events;
DROP POLICY IF EXISTS scores_owner ON /*schema*/scores;
DROP POLICY IF EXISTS threads_admin ON /*schema*/threads;
DROP POLICY IF EXISTS messages_admin ON /*schema*/messages;
DROP POLICY IF EXISTS runs_admin ON /*schema*/runs;
DROP POLICY IF EXISTS sessions_admin ON /*schema*/sessions;
DROP POLICY IF EXISTS spans_admin ON /*schema*/spans;
DROP POLICY IF EXISTS attachments_admin ON /*schema*/attachments;
DROP POLICY IF EXISTS feedback_admin ON /*schema*/feedback;
DROP POLICY IF EXISTS api_keys_admin ON /*schema*/api_keys;
DROP POLICY IF EXISTS refresh_tokens_admin ON /*schema*/refresh_tokens;
DROP POLICY IF EXISTS events_admin ON /*schema*/events;
DROP POLICY IF EXISTS scores_admin ON /*schema*/scores;

-- name: oversee
-- The admin role sees and changes the rows of all owners.
DROP POLICY IF EXISTS threads_admin ON /*schema*/threads;
CREATE POLICY threads_admin ON /*schema*/threads TO :"admin_role" USING (true);
DROP POLICY IF EXISTS messages_admin ON /*schema*/messages;
CREATE POLICY messages_admin ON /*schema*/messages TO :"admin_role" USING (true);
DROP POLICY IF EXISTS runs_admin ON /*schema*/runs;
CREATE POLICY runs_admin ON /*schema*/runs TO :"admin_role" USING (true);
DROP POLICY IF EXISTS sessions_admin ON /*schema*/sessions;
CREATE POLICY sessions_admin ON /*schema*/sessions TO :"admin_role" USING (true);
DROP POLICY IF EXISTS spans_admin ON /*schema*/spans;
CREATE POLICY spans_admin ON /*schema*/spans TO :"admin_role" USING (true);
DROP POLICY IF EXISTS attachments_admin ON /*schema*/attachments;
CREATE POLICY attachments_admin ON /*schema*/attachments TO :"admin_role" USING (true);
DROP POLICY IF EXISTS feedback_admin ON /*schema*/feedback;
CREATE POLICY feedback_admin ON /*schema*/feedback TO :"admin_role" USING (true);
DROP POLICY IF EXISTS api_keys_admin ON /*schema*/api_keys;
CREATE POLICY api_keys_admin ON /*schema*/api_keys TO :"admin_role" USING (true);
DROP POLICY IF EXISTS refresh_tokens_admin ON /*schema*/refresh_tokens;
CREATE POLICY refresh_tokens_admin ON /*schema*/refresh_tokens TO :"admin_role" USING (true);
DROP POLICY IF EXISTS events_admin ON /*schema*/events;
CREATE POLICY events_admin ON /*schema*/events TO :"admin_role" USING (true);
DROP POLICY IF EXISTS scores_admin ON /*schema*/scores;
CREATE POLICY scores_admin ON /*schema*/scores TO :"admin_role" USING (true);

-- name: role_create
-- A role that cannot log in, if there is none of that name. Roles belong to the whole cluster:
-- another database may make the same one at this moment.
DO $threadkeep$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = :'role') THEN
    CREATE ROLE :"role" NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL;
END
$threadkeep$;

-- name: role_grant
-- What a role needs that works with the store. EXECUTE is named too: some clusters take it from
-- PUBLIC by default.
GRANT USAGE ON SCHEMA :"schema" TO :"role";
GRANT SELECT, INSERT, UPDATE, DELETE
  ON /*schema*/threads, /*schema*/messages, /*schema*/runs, /*schema*/sessions, /*schema*/spans,
     /*schema*/attachments, /*schema*/feedback, /*schema*/api_keys, /*schema*/refresh_tokens,
     /*schema*/events, /*schema*/scores TO :"role";
GRANT SELECT ON /*schema*/transcript, /*schema*/schema_migrations TO :"role";
GRANT EXECUTE ON FUNCTION /*schema*/owner_key(text), /*schema*/current_owner() TO :"role";
