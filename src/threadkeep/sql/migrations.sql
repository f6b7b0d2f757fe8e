-- In the blocks without parameters :"schema" and the like stand for quoted names and :'version'
-- for a quoted value, as psql writes variables; core/migrations.py fills them in.

-- name: migration_place
-- Where a migration would run: the server's version, is there the schema, is there the ledger.
-- $1 schema.
SELECT current_setting('server_version_num')::integer,
       EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = $1::text),
       EXISTS (SELECT FROM pg_catalog.pg_class c
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = $1::text AND c.relname = 'schema_migrations');

-- name: migration_roles
-- Which of the roles exist, and may the current role make roles.
-- $1 app role, $2 admin role.
SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1::text),
       EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $2::text),
       EXISTS (SELECT FROM pg_catalog.pg_roles
               WHERE rolname = current_user AND (rolsuper OR rolcreaterole));

-- name: schema_create
-- The schema of all our names.
CREATE SCHEMA IF NOT EXISTS :"schema";

-- name: ledger_create
-- The ledger: which migrations were applied, and what was in them.
CREATE TABLE IF NOT EXISTS /*schema*/schema_migrations (
  version integer NOT NULL,
  name text NOT NULL,
  checksum text NOT NULL,
  applied_at timestamptz NOT NULL,
  CONSTRAINT schema_migrations_pkey PRIMARY KEY (version)
);

-- name: ledger_lock
-- One migrator at a time; readers are not held up.
LOCK TABLE /*schema*/schema_migrations IN SHARE ROW EXCLUSIVE MODE;

-- name: ledger_read
-- The applied migrations by version.
SELECT m.version, m.name, m.checksum, m.applied_at
FROM /*schema*/schema_migrations m ORDER BY m.version;

-- name: ledger_insert
-- Notes a migration. It runs before the migration's own text: if that was applied already, the
-- primary key says so before anything else does.
INSERT INTO /*schema*/schema_migrations (version, name, checksum, applied_at)
VALUES (:'version', :'name', :'checksum', now());

-- name: migration_check
-- All that connect must know: server, ledger, and how the current role stands to row-level security.
-- The admin role counts only where each protected table lets it see everything.
-- $1 schema, $2 admin role, $3 the tables that hold rows of owners.
SELECT current_setting('server_version_num')::integer,
       l.versions, l.names, l.checksums,
       EXISTS (SELECT FROM pg_catalog.pg_roles r
               WHERE r.rolname = current_user AND (r.rolsuper OR r.rolbypassrls)),
       EXISTS (SELECT FROM pg_catalog.pg_roles r
               WHERE r.rolname = $2::text AND pg_has_role(current_user, r.oid, 'USAGE'))
         AND coalesce(t.overseen, false),
       coalesce(t.enabled, false), coalesce(t.forced, false)
FROM (
  SELECT coalesce(array_agg(m.version), '{}') AS versions,
         coalesce(array_agg(m.name), '{}') AS names,
         coalesce(array_agg(m.checksum), '{}') AS checksums
  FROM (SELECT * FROM /*schema*/schema_migrations ORDER BY version) m
) l CROSS JOIN (
  SELECT bool_and(c.relrowsecurity) AS enabled, bool_and(c.relforcerowsecurity) AS forced,
         bool_and(NOT c.relrowsecurity OR EXISTS (
           SELECT FROM pg_catalog.pg_policy p CROSS JOIN unnest(p.polroles) AS r (role)
           WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd = '*'
             AND pg_get_expr(p.polqual, p.polrelid) = 'true'
             AND pg_has_role(current_user, nullif(r.role, 0), 'USAGE'))) AS overseen
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1::text AND c.relname = ANY ($3::text[])
) t;

-- name: server_version
-- The server's version as a number.
SELECT current_setting('server_version_num')::integer;

-- name: catalog_enter
-- Lets the catalog print our names without their schema, so that every schema prints the same.
-- Returns the search path to go back to. $1 schema.
WITH before AS MATERIALIZED (SELECT current_setting('search_path') AS path)
SELECT b.path, set_config('search_path', quote_ident($1::text) || ', pg_temp', true) FROM before b;

-- name: catalog_leave
-- Back to the search path from before. $1 search path.
SELECT set_config('search_path', $1::text, true);

-- name: catalog_tables
-- Tables with what of their storage is ours to say. $1 schema, $2 names or NULL for all.
SELECT c.relname::text,
       CASE c.relpersistence WHEN 'u' THEN 'unlogged ' ELSE '' END
       || CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table'
                         WHEN 'f' THEN 'foreign table' ELSE 'no table' END
       || coalesce((SELECT ' with fillfactor ' || o.option_value
                    FROM pg_catalog.pg_options_to_table(c.reloptions) o
                    WHERE o.option_name = 'fillfactor'), '')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND c.relkind IN ('r', 'p', 'f')
  AND ($2::text[] IS NULL OR c.relname = ANY ($2::text[]))
ORDER BY c.relname;

-- name: catalog_columns
-- Columns in their order: type, collation, default or identity, nullability. $1 schema, $2 names.
SELECT c.relname || '.' || a.attname,
       format_type(a.atttypid, a.atttypmod)
       || CASE WHEN a.attcollation NOT IN (0, y.typcollation)
               THEN ' COLLATE ' || quote_ident(l.collname) ELSE '' END
       || CASE WHEN a.attidentity = 'a' THEN ' GENERATED ALWAYS AS IDENTITY'
               WHEN a.attidentity = 'd' THEN ' GENERATED BY DEFAULT AS IDENTITY'
               WHEN a.attgenerated = 's'
               THEN ' GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid) || ') STORED'
               WHEN a.attgenerated <> ''
               THEN ' GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid) || ') VIRTUAL'
               ELSE coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '') END
       || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE n.nspname = $1::text AND c.relkind IN ('r', 'p', 'f')
  AND ($2::text[] IS NULL OR c.relname = ANY ($2::text[]))
ORDER BY c.relname, a.attnum;

-- name: catalog_constraints
-- Keys and checks. From 18 on NOT NULL stands here too: the columns tell it on every version.
-- $1 schema, $2 names.
SELECT c.relname || '.' || k.conname, pg_get_constraintdef(k.oid)
FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND k.contype IN ('p', 'u', 'f', 'c', 'x')
  AND ($2::text[] IS NULL OR c.relname = ANY ($2::text[]))
ORDER BY c.relname, position(k.contype::text IN 'pufcx'), k.conname;

-- name: catalog_indexes
-- Indexes that no constraint made. $1 schema, $2 names.
SELECT c.relname || '.' || i.relname,
       pg_get_indexdef(x.indexrelid, 0, true)
       || CASE WHEN x.indisvalid THEN '' ELSE ' (invalid)' END
FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND c.relkind IN ('r', 'p', 'f')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
                  WHERE k.conindid = x.indexrelid AND k.conrelid = x.indrelid
                    AND k.contype IN ('p', 'u', 'x'))
  AND ($2::text[] IS NULL OR c.relname = ANY ($2::text[]))
ORDER BY c.relname, i.relname;

-- name: catalog_triggers
-- Triggers; we make none. $1 schema, $2 names.
SELECT c.relname || '.' || g.tgname, pg_get_triggerdef(g.oid, true)
FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND NOT g.tgisinternal
  AND ($2::text[] IS NULL OR c.relname = ANY ($2::text[]))
ORDER BY c.relname, g.tgname;

-- name: catalog_security
-- Is row-level security on, and does it bind the tables' owner. $1 schema, $2 names.
SELECT c.relname::text,
       CASE WHEN c.relrowsecurity AND c.relforcerowsecurity THEN 'enabled and forced'
            WHEN c.relrowsecurity THEN 'enabled, not forced'
            WHEN c.relforcerowsecurity THEN 'disabled, but forced' ELSE 'disabled' END
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND c.relkind IN ('r', 'p', 'f')
  AND ($2::text[] IS NULL OR c.relname = ANY ($2::text[]))
ORDER BY c.relname;

-- name: catalog_policies
-- Policies. A role of ours is printed by its mark. $1 schema, $2 names, $3 roles, $4 their marks.
SELECT c.relname || '.' || p.polname,
       CASE WHEN p.polpermissive THEN '' ELSE 'AS RESTRICTIVE ' END
       || 'FOR ' || CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT'
                                  WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END
       || ' TO ' || (
         SELECT string_agg(coalesce(m.mark, quote_ident(r.rolname), 'PUBLIC'), ', '
                           ORDER BY r.rolname)
         FROM unnest(p.polroles) AS u (role) LEFT JOIN pg_catalog.pg_roles r ON r.oid = u.role
         LEFT JOIN unnest($3::text[], $4::text[]) AS m (role, mark) ON m.role = r.rolname)
       || coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
       || coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')
FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND ($2::text[] IS NULL OR c.relname = ANY ($2::text[]))
ORDER BY c.relname, p.polname;

-- name: catalog_views
-- Views, and whose rights they read with. $1 schema, $2 names.
SELECT c.relname::text,
       CASE WHEN c.relkind = 'm' THEN 'MATERIALIZED ' ELSE '' END
       || 'WITH (security_invoker = ' || coalesce(
         (SELECT o.option_value::boolean FROM pg_catalog.pg_options_to_table(c.reloptions) o
          WHERE o.option_name = 'security_invoker'), false) || ') AS' || chr(10)
       || rtrim(pg_get_viewdef(c.oid), ';')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND c.relkind IN ('v', 'm')
  AND ($2::text[] IS NULL OR c.relname = ANY ($2::text[]))
ORDER BY c.relname;

-- name: catalog_functions
-- Functions: all that CREATE FUNCTION says after the schema. $1 schema, $2 names.
SELECT p.proname || '(' || oidvectortypes(p.proargtypes) || ')',
       rtrim(substr(pg_get_functiondef(p.oid),
                    length('CREATE OR REPLACE FUNCTION ' || quote_ident(n.nspname) || '.') + 1),
             chr(10))
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = $1::text AND p.prokind = 'f'
  AND ($2::text[] IS NULL
       OR p.proname || '(' || oidvectortypes(p.proargtypes) || ')' = ANY ($2::text[]))
ORDER BY 1;

-- name: catalog_privileges
-- What our roles may do with each object. A role that owns the object, or is a superuser, is said
-- to own it: nothing was granted, and nothing is missing.
-- $1 schema, $2 names, $3 roles, $4 their marks.
SELECT m.mark || ': ' || o.object,
       CASE WHEN pg_has_role(r.oid, o.owner, 'USAGE') THEN 'owner' ELSE coalesce(
         (SELECT string_agg(v.privilege, ', ' ORDER BY v.n)
          FROM unnest(o.privileges) WITH ORDINALITY AS v (privilege, n)
          WHERE CASE o.kind WHEN 'function' THEN has_function_privilege(r.oid, o.oid, v.privilege)
                            WHEN 'schema' THEN has_schema_privilege(r.oid, o.oid, v.privilege)
                            ELSE has_table_privilege(r.oid, o.oid, v.privilege) END), 'none') END
FROM (
  SELECT 'table' AS kind, c.oid, c.relname::text AS object, c.relowner AS owner,
         ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']
           AS privileges
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1::text AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
  UNION ALL
  SELECT 'function', p.oid, p.proname || '(' || oidvectortypes(p.proargtypes) || ')',
         p.proowner, ARRAY['EXECUTE']
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname = $1::text AND p.prokind = 'f'
  UNION ALL
  SELECT 'schema', n.oid, 'schema', n.nspowner, ARRAY['USAGE']
  FROM pg_catalog.pg_namespace n WHERE n.nspname = $1::text
) o CROSS JOIN unnest($3::text[], $4::text[]) AS m (role, mark)
JOIN pg_catalog.pg_roles r ON r.rolname = m.role
WHERE $2::text[] IS NULL OR o.object = ANY ($2::text[])
ORDER BY m.mark, o.kind, o.object;
