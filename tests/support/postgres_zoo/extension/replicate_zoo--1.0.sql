CREATE TABLE zoo_settings(name text PRIMARY KEY, value text);
INSERT INTO zoo_settings VALUES ('shipped', 'with the extension');
SELECT pg_catalog.pg_extension_config_dump('zoo_settings', $$WHERE name <> 'shipped'$$);
CREATE TABLE zoo_cache(value text);
CREATE SEQUENCE zoo_numbers;
SELECT pg_catalog.pg_extension_config_dump('zoo_numbers', '');
CREATE TYPE zoo_kind AS ENUM ('wild', 'tame');
CREATE FUNCTION zoo_size() RETURNS int LANGUAGE sql AS 'SELECT 1';
