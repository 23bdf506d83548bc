-- needs: extension pgcrypto
CREATE EXTENSION pgcrypto;
CREATE SCHEMA crypts; SET search_path = crypts, public;
CREATE TABLE digests(a text, b bytea GENERATED ALWAYS AS (digest(a, 'sha256')) STORED);
INSERT INTO digests VALUES ('a'), (''), (NULL);
