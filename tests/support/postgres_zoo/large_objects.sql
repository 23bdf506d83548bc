SELECT lo_create(900001);
SELECT lo_from_bytea(900002, '\x005c0aff2e');
SELECT lo_from_bytea(900003, decode(repeat('0123456789abcdef00ff5c0a2e7f0d09', 196608), 'hex'));
SELECT lo_create(900004); SELECT lo_put(900004, 10000000, 'far away');
COMMENT ON LARGE OBJECT 900002 IS 'five bytes';
CREATE SCHEMA large_objects; CREATE TABLE large_objects.pointers(id int, lo oid);
INSERT INTO large_objects.pointers VALUES (1, 900001), (2, 900002), (3, 900003), (4, 900004);
