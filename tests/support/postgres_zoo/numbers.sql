CREATE SCHEMA numbers; SET search_path = numbers;
CREATE TABLE "integers"(a smallint, b integer, c bigint, d oid, e boolean);
INSERT INTO "integers" VALUES
  (-32768, -2147483648, -9223372036854775808, 0, true),
  (32767, 2147483647, 9223372036854775807, 4294967295, false), (0, 0, 0, 1, null),
  (null, null, null, null, null);
CREATE TABLE decimals(id int PRIMARY KEY, free numeric, scaled numeric(30, 10), whole numeric(5, -2));
INSERT INTO decimals VALUES
  (1, 'NaN', 'NaN', 'NaN'), (2, 'Infinity', null, null), (3, '-Infinity', null, null),
  (4, 1.10, 1.10, 12345), (5, 12345678901234567.89, 12345678901234567.89, -12345),
  (6, 0.00000000000000000000000000000000000001, 0.0000000001, 0), (7, -0.0, -0.0, null),
  (8, ('1' || repeat('0', 400) || '.' || repeat('7', 50))::numeric, null, null),
  (9, 1.000000000000000000, 1, 100), (10, 1e1000, null, null), (11, 100, 100, 100);
CREATE TABLE floats(id int, small real, big double precision);
INSERT INTO floats VALUES
  (1, '1e-05', '1e-05'), (2, '-0', '-0'), (3, '1e-45', '5e-324'), (4, 'NaN', 'NaN'),
  (5, 'Infinity', 'Infinity'), (6, '-Infinity', '-Infinity'),
  (7, '3.4028235e+38', '1.7976931348623157e+308'), (8, 0.1, 0.1), (9, 1e15, 1e15),
  (10, 123456789, 0.30000000000000004), (11, '1.1754942e-38', '2.225073858507201e-308');
CREATE TABLE cash(a money);
INSERT INTO cash VALUES ('-92233720368547758.08'), ('92233720368547758.07'), ('0'), ('1234.5');
