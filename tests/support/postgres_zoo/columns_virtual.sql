-- needs: version 18
CREATE SCHEMA columns_virtual; SET search_path = columns_virtual;
CREATE TABLE virtuals(n int, v int GENERATED ALWAYS AS (n * 3) VIRTUAL, s int GENERATED ALWAYS AS (n * 4) STORED);
INSERT INTO virtuals(n) VALUES (1), (NULL), (-7);
CREATE TABLE named(a int CONSTRAINT "must be" NOT NULL, b int);
INSERT INTO named VALUES (1, NULL);
ALTER TABLE named ADD CONSTRAINT "too late" NOT NULL b NOT VALID;
CREATE TABLE periods(room int4range, during daterange, PRIMARY KEY (room, during WITHOUT OVERLAPS));
INSERT INTO periods VALUES ('[1,2)', '[2024-01-01,2024-02-01)');
CREATE TABLE loose(a int, CONSTRAINT a CHECK (a > 0) NOT ENFORCED); INSERT INTO loose VALUES (-1);
