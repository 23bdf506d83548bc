CREATE SCHEMA documents; SET search_path = documents;
CREATE TABLE docs(id int, a json, b jsonb, c jsonpath);
INSERT INTO docs VALUES
  (1, '{"b": 1,  "a": 2, "b": 3}', '{"b": 1, "a": 2, "b": 3}', '$.a[*] ? (@ > 1)'),
  (2, E' [ 1 ,\n\t2.50, 1e400 ] ', '[1, 2.50, 1e400]', 'strict $'),
  (3, '"\u00e9\ud83d\ude00\\ \" \n \t / \/"', '"\u00e9\ud83d\ude00\\ \" \n \t"', '$."a b"'),
  (4, 'null', 'null', NULL), (5, NULL, NULL, NULL), (6, '{}', '{"": [[], {}, "", null, true]}', '$'),
  (7, '"\u0000"', '12345678901234567890.12345678901234567890', '$.* .size()');
CREATE TABLE searches(a tsvector, b tsquery);
INSERT INTO searches VALUES
  ('a:1A fat:2B,4C cat:5D ''it''''s'':6 ''back\\slash'':7', 'fat & (rat | !cat:ab) <-> ''it''''s'':*'),
  ('', ''), (to_tsvector('english', 'The quick brown foxes'), phraseto_tsquery('english', 'quick fox')),
  (NULL, NULL);
