CREATE SCHEMA routines; SET search_path = routines;
CREATE FUNCTION quoted(a text DEFAULT 'it''s', VARIADIC b int[] DEFAULT '{}') RETURNS text LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER
  SET search_path = routines, pg_temp COST 7 AS $f$
-- a comment; with 'quotes'
DECLARE x text := $$in$$; BEGIN
  RETURN x || $g$ $$ ; \. $g$ || E'\\';
END $f$;
CREATE FUNCTION atomic(a int, OUT b int, OUT c text) LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC SELECT a + 1, 'x;y'::text; END;
CREATE TABLE logged(n int); INSERT INTO logged VALUES (1);
CREATE FUNCTION atomic_reads() RETURNS SETOF logged LANGUAGE sql BEGIN ATOMIC SELECT * FROM logged; END;
CREATE FUNCTION rows_of() RETURNS TABLE(a int, "b b" text) LANGUAGE sql ROWS 5 RETURN (1, 'x');
DROP FUNCTION rows_of;
CREATE FUNCTION rows_of() RETURNS TABLE(a int, "b b" text) LANGUAGE sql ROWS 5 AS $$ SELECT 1, 'x' $$;
CREATE PROCEDURE doing(INOUT a int) LANGUAGE plpgsql AS $$ BEGIN a := a + 1; COMMIT; END $$;
CREATE FUNCTION step(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2';
CREATE AGGREGATE total(int) (SFUNC = step, STYPE = int, INITCOND = '0');
CREATE OPERATOR ### (LEFTARG = int, RIGHTARG = int, FUNCTION = step, COMMUTATOR = ###);
CREATE TYPE pair AS (a int, b int);
CREATE FUNCTION to_pair(int) RETURNS pair LANGUAGE sql IMMUTABLE AS 'SELECT $1, $1';
CREATE CAST (int AS pair) WITH FUNCTION to_pair(int) AS ASSIGNMENT;
CREATE OPERATOR CLASS own_ops FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int);
CREATE TABLE used(a int CHECK (step(a, 1) > 0), b int DEFAULT step(1, 2)); INSERT INTO used VALUES (1);
CREATE INDEX ON used (step(a, b)); CREATE INDEX ON used (a own_ops);
