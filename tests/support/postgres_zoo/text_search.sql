CREATE SCHEMA text_search; SET search_path = text_search;
CREATE COLLATION "own C" (provider = libc, locale = 'C'); CREATE COLLATION copied FROM "POSIX";
CREATE TABLE sorted(a text COLLATE "own C" PRIMARY KEY, b text COLLATE copied); INSERT INTO sorted VALUES ('Z', 'z'), ('a', 'A'), ('ä', 'é');
CREATE TEXT SEARCH DICTIONARY plain (TEMPLATE = simple, STOPWORDS = english); CREATE TEXT SEARCH CONFIGURATION own (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION own ALTER MAPPING FOR asciiword WITH plain, english_stem;
CREATE TABLE docs(a text, v tsvector GENERATED ALWAYS AS (to_tsvector('text_search.own', a)) STORED); INSERT INTO docs VALUES ('The quick foxes'), ('');
CREATE INDEX ON docs USING gin (to_tsvector('text_search.own', a)); CREATE CONVERSION "own conversion" FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
