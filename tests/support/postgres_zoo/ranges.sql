CREATE SCHEMA ranges; SET search_path = ranges;
CREATE TYPE "float range" AS RANGE (subtype = float8, subtype_diff = float8mi,
  multirange_type_name = "float ranges");
CREATE TYPE textrange AS RANGE (subtype = text, collation = "C");
CREATE TABLE spans(a int4range, b numrange, c tstzrange, d daterange, e "float range", f textrange, g int8range, h tsrange);
INSERT INTO spans VALUES
  ('empty', 'empty', 'empty', 'empty', 'empty', 'empty', 'empty', 'empty'),
  ('(,)', '(,)', '(,)', '(,)', '(,)', '(,)', '(,)', '(,)'),
  ('[1,5)', '(1.10,2.20]', '["2024-01-01 00:00+00",infinity]', '[-infinity,2024-01-01)', '[1e-05,Infinity)',
   '["A""b,c","\\d)"]', '(,9]', '["0044-03-15 00:00 BC",)'), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE many(a int4multirange, b nummultirange, c datemultirange, d "float ranges", e tstzmultirange);
INSERT INTO many VALUES ('{}', '{}', '{}', '{}', '{}'), ('{[1,2),[5,)}', '{(,)}', '{[2024-01-01,infinity)}', '{(1,2]}', '{(,)}'),
  (NULL, NULL, NULL, NULL, NULL);
