CREATE SCHEMA odd_types; SET search_path = odd_types;
CREATE TABLE net(a inet, b cidr, c macaddr, d macaddr8);
INSERT INTO net VALUES ('10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05'),
  ('::ffff:1.2.3.4', '::/0', 'ffffffffffff', '0000000000000000'), ('1.2.3.4', '1.2.3.4/32', NULL, NULL), ('2001:db8::1/64', '2001:db8::/32', NULL, NULL);
CREATE TABLE shapes(a point, b line, c lseg, d box, e path, f polygon, g circle);
INSERT INTO shapes VALUES ('(1e-300,-0)', '{1,-1,0.1}', '[(0,0),(1,1)]', '(2,2),(1,1)', '[(0,0),(1,1)]', '((0,0),(1,1),(1,0))', '<(0,0),0.1>'),
  ('(Infinity,NaN)', '{0,1,2}', NULL, NULL, '((0,0),(1,1))', '((0,0))', '<(1,2),0>');
CREATE TABLE system(a uuid, b pg_lsn, c xid, d cid, e tid, f xid8, g regclass, h regtype, i regproc, j regnamespace, k int2vector, l oidvector, m pg_snapshot);
INSERT INTO system VALUES
  ('00000000-0000-0000-0000-000000000000', '0/0', '0', '0', '(0,1)', '0', 'pg_class', 'integer', 'now', 'pg_catalog', '1 2 3', '1 2', '10:20:10,14,15'),
  ('ffffffff-ffff-ffff-ffff-ffffffffffff', 'FFFFFFFF/FFFFFFFF', '4294967295', '1', '(4294967295,65535)', '18446744073709551615', 'odd_types.net', 'text[]', 'version', 'odd_types', '', '', '1:1:');
