DO $$ BEGIN
  IF to_regrole('zoo_reader') IS NULL THEN CREATE ROLE zoo_reader; END IF;
  IF to_regrole('"Zoo ""Writer"""') IS NULL THEN CREATE ROLE "Zoo ""Writer""" LOGIN PASSWORD 'zoo'; END IF;
END $$;
CREATE SCHEMA security AUTHORIZATION "Zoo ""Writer"""; SET search_path = security;
CREATE TABLE rows(id int, owner name, secret text); INSERT INTO rows VALUES (1, 'zoo_reader', 'a'), (2, 'nobody', 'b');
ALTER TABLE rows OWNER TO "Zoo ""Writer""";
ALTER TABLE rows ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON rows TO zoo_reader USING (owner = current_user);
CREATE POLICY "no one" ON rows AS RESTRICTIVE FOR INSERT WITH CHECK (false);
GRANT USAGE ON SCHEMA security TO zoo_reader; GRANT SELECT (id), UPDATE (secret) ON rows TO zoo_reader;
GRANT SELECT ON rows TO PUBLIC; GRANT ALL ON rows TO zoo_reader WITH GRANT OPTION;
CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE ALL ON FUNCTION mine() FROM PUBLIC; GRANT EXECUTE ON FUNCTION mine() TO zoo_reader;
CREATE SEQUENCE numbers; GRANT USAGE ON SEQUENCE numbers TO zoo_reader;
CREATE TYPE shut AS (a int); REVOKE USAGE ON TYPE shut FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA security GRANT SELECT ON TABLES TO zoo_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE "Zoo ""Writer""" REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE TABLE later(a int); INSERT INTO later VALUES (1);
CREATE VIEW invoked WITH (security_invoker = true) AS SELECT * FROM rows;
