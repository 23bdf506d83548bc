-- needs: extension hstore
-- needs: extension citext
CREATE SCHEMA "ext store"; CREATE EXTENSION hstore SCHEMA "ext store"; CREATE EXTENSION citext;
CREATE SCHEMA hstores; SET search_path = hstores, "ext store", public;
CREATE TABLE bags(id int, a hstore, b citext UNIQUE);
INSERT INTO bags VALUES (1, '', 'MiXed'), (2, '"a b"=>"quo\"te", c=>NULL, ""=>"back\\slash"', 'É'), (3, NULL, NULL);
CREATE INDEX ON bags USING gin (a);
