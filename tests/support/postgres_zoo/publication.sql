CREATE SCHEMA publications; SET search_path = publications; SET client_min_messages = error;
CREATE TABLE told(id int PRIMARY KEY, v text, w text); INSERT INTO told VALUES (1, 'a', 'b');
CREATE PUBLICATION "zoo some" FOR TABLE told (id, v) WHERE (id > 0) WITH (publish = 'insert');
CREATE PUBLICATION zoo_schema FOR TABLES IN SCHEMA publications; CREATE PUBLICATION zoo_none; CREATE PUBLICATION zoo_all FOR ALL TABLES WITH (publish = 'insert, truncate', publish_via_partition_root); -- updates would need a key
COMMENT ON PUBLICATION zoo_none IS 'publication';
