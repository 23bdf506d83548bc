-- needs: extension postgres_fdw
CREATE EXTENSION postgres_fdw;
CREATE SCHEMA fdw; SET search_path = fdw;
CREATE SERVER unreachable FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1', dbname 'none');
CREATE USER MAPPING FOR CURRENT_USER SERVER unreachable OPTIONS (user 'u', password 'p');
CREATE FOREIGN TABLE far(id int, v text) SERVER unreachable;
CREATE TABLE mixed(id int, v text) PARTITION BY LIST (id); CREATE TABLE near PARTITION OF mixed FOR VALUES IN (1);
CREATE FOREIGN TABLE far_part PARTITION OF mixed FOR VALUES IN (2) SERVER unreachable;
INSERT INTO near VALUES (1, 'here');
