CREATE SCHEMA times; SET search_path = times;
CREATE TABLE moments(
  id int, a date, b timestamp, c timestamptz, d timestamp(0), e timestamptz(3));
INSERT INTO moments VALUES
  (1, 'infinity', 'infinity', 'infinity', 'infinity', 'infinity'),
  (2, '-infinity', '-infinity', '-infinity', '-infinity', '-infinity'),
  (3, '4713-01-01 BC', '4713-01-01 00:00:00 BC', '4713-01-02 00:00:00+00 BC', null, null),
  (4, '0001-12-31 BC', '0044-03-15 12:00:00.000001 BC', '0044-03-15 12:00:00+00 BC', null, null),
  (5, '5874897-12-31', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00',
   '2024-02-29 23:59:59', '2024-02-29 23:59:59.999+14'),
  (6, '1970-01-01', '1970-01-01', '1883-11-18 12:03:57+00', '1999-12-31 24:00:00', 'epoch'),
  (7, '10000-01-01', '2024-03-31 02:30:00.1', '2024-03-31 02:30:00.1 Europe/Zurich', null, null);
CREATE TABLE clocks(a time, b timetz, c time(2));
INSERT INTO clocks VALUES ('00:00', '00:00+15:59:59', '24:00'),
  ('24:00:00', '23:59:59.999999-15:59:59', '12:34:56.78'), ('23:59:59.999999', '12:00Z', null);
CREATE TABLE spans(a interval, b interval year to month, c interval second(2));
INSERT INTO spans VALUES
  ('1 year -2 mons +3 days -04:05:06.000007', '3 years -1 month', '-1.25 s'), ('0', '0', '0'),
  ('-178000000 years', '178000000 years', null), ('2147483647 days', null, '2562047788 hours'),
  ('-1 day +23:59:59.999999', '-11 months', '0.01 s'), ('P1Y2M3DT4H5M6.7S', '1-2', '59.99');
