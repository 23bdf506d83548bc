CREATE SCHEMA unlogged; SET search_path = unlogged;
CREATE UNLOGGED TABLE fleeting(id serial PRIMARY KEY, v text); INSERT INTO fleeting(v) VALUES ('a'), ('b');
CREATE FOREIGN DATA WRAPPER zoo_fdw OPTIONS (debug 'true');
CREATE SERVER "zoo server" TYPE 'none' VERSION '1' FOREIGN DATA WRAPPER zoo_fdw OPTIONS (host 'it''s');
CREATE USER MAPPING FOR PUBLIC SERVER "zoo server" OPTIONS (user 'nobody', password 'se''cret');
CREATE FOREIGN TABLE far(id int OPTIONS (name 'ID') NOT NULL, v text) SERVER "zoo server" OPTIONS (file '/nowhere');
CREATE VIEW near AS SELECT * FROM far;
