CREATE SCHEMA arrays; SET search_path = arrays;
CREATE TABLE lists(
  id int, a int[], b text[][], c numeric(5, 2)[3], d timestamptz[], e bytea[], f jsonb[], g boolean[]);
INSERT INTO lists VALUES
  (1, '{}', '{}', '{}', '{}', '{}', '{}', '{}'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (3, '{1,NULL,3}', ARRAY[['a', NULL], ['NULL', '']], '{1.10,NaN}', '{infinity,-infinity}',
   ARRAY['\x00'::bytea, '\xff5c', NULL], ARRAY['{"a": ["}"]}'::jsonb], '{t,f,NULL}'),
  (4, '[0:2]={1,2,3}', '[2:3][-1:0]={{a,b},{c,d}}', NULL, NULL, NULL, NULL, NULL),
  (5, '{{{1,2},{3,4}},{{5,6},{7,8}}}', ARRAY[E'back\\slash', 'quo"te', 'com,ma', '{br}', E'new\nline', ' sp ', E'\\N'],
   NULL, NULL, NULL, NULL, NULL);
