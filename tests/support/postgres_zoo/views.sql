CREATE SCHEMA views; SET search_path = views;
CREATE TABLE base(id int PRIMARY KEY, v numeric, "a b" text);
INSERT INTO base SELECT i, i * 1.10, 'text ' || i FROM generate_series(1, 20) i;
CREATE VIEW a_last AS SELECT id, v FROM base WHERE id > 3;
CREATE VIEW "On View" AS SELECT id, v * 2 AS double FROM a_last;
CREATE VIEW "3rd" WITH (security_barrier) AS SELECT * FROM "On View" JOIN base USING (id);
CREATE VIEW checked AS SELECT * FROM base WHERE v > 2 WITH CASCADED CHECK OPTION;
ALTER VIEW a_last ALTER v SET DEFAULT 7;
CREATE VIEW grouped AS SELECT base.*, 1 AS one FROM base GROUP BY id; -- needs the primary key first
CREATE RECURSIVE VIEW counted(n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counted WHERE n < 5;
CREATE MATERIALIZED VIEW full_one AS SELECT id, sum(v) AS total FROM base GROUP BY id;
CREATE UNIQUE INDEX ON full_one (id);
CREATE MATERIALIZED VIEW empty_one AS SELECT * FROM base WITH NO DATA;
CREATE INDEX ON empty_one (v);
CREATE MATERIALIZED VIEW a_first AS SELECT count(*) AS n, max(total) AS top FROM full_one; -- sorts before what it needs
CREATE VIEW on_materialized AS SELECT * FROM a_first, "3rd";
CREATE MATERIALIZED VIEW above AS SELECT * FROM on_materialized;
CREATE MATERIALIZED VIEW nothing AS SELECT * FROM base WHERE false;
