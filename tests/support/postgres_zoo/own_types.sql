CREATE SCHEMA own_types; SET search_path = own_types;
CREATE TYPE mood AS ENUM ('sad', 'Ok', 'it''s "fine"', '');
ALTER TYPE mood ADD VALUE 'so-so' BEFORE 'Ok';
CREATE DOMAIN positive AS int DEFAULT 1 NOT NULL CHECK (VALUE > 0);
CREATE DOMAIN "e-mail" AS text COLLATE "C" CONSTRAINT "has @" CHECK (VALUE ~ '@');
CREATE DOMAIN late AS int;
CREATE TYPE point3 AS (x float8, "y y" numeric(10, 2), label text);
CREATE TYPE nested AS (p point3, ps point3[], m mood, t timestamptz);
CREATE TABLE things(id int, a mood, b positive, c "e-mail", d point3, e nested, f nested[], g mood[], h late);
INSERT INTO things VALUES
  (1, 'sad', 7, 'a@b', ROW(1e-05, 1.10, 'quo"te, (back\slash)'), NULL, NULL, '{sad,NULL,"it''s \"fine\"",""}', -1),
  (2, 'so-so', 2147483647, NULL, ROW(NULL, NULL, NULL), ROW(ROW(1, 2, ''), ARRAY[ROW(1, 2, E'x\ny')::point3, NULL], 'Ok', 'infinity')::nested,
   ARRAY[ROW(NULL, NULL, NULL, NULL)::nested, NULL], '{}', 0),
  (3, '', 1, E'tab\t@', ROW('NaN', 'NaN', ' '), ROW(NULL, '{}', '', '-infinity')::nested, '{}', NULL, NULL);
-- Its rows violate it, and have to be loaded all the same.
ALTER DOMAIN late ADD CONSTRAINT not_negative CHECK (VALUE >= 0) NOT VALID;
