CREATE SCHEMA bytes; SET search_path = bytes;
CREATE TABLE blobs(id int PRIMARY KEY, value bytea);
INSERT INTO blobs SELECT i, decode(lpad(to_hex(i), 2, '0'), 'hex') FROM generate_series(0, 255) i;
INSERT INTO blobs SELECT 256, string_agg(value, '' ORDER BY id) FROM blobs;
INSERT INTO blobs VALUES (257, ''), (258, NULL), (259, E'\\x5c2e0a'), (260, 'text'),
  (261, decode(repeat('00ff5c0a', 250000), 'hex'));
CREATE TABLE bits(a bit(3), b bit varying(70), c bit varying, d bit);
INSERT INTO bits VALUES (B'101', B'101', B'', B'1'), (B'000', B'', repeat('10', 500)::varbit, B'0'),
  (NULL, NULL, NULL, NULL), (B'111', repeat('1', 70)::varbit, X'1FF', NULL);
