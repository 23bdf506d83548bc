CREATE SCHEMA inheritance; SET search_path = inheritance;
CREATE TABLE animal(id int PRIMARY KEY, name text NOT NULL, CONSTRAINT animal_id CHECK (id > 0));
CREATE TABLE dog(tail int, name text NOT NULL, id int NOT NULL, CONSTRAINT animal_id CHECK (id > 0));
ALTER TABLE dog INHERIT animal; -- its columns stand in another order
CREATE TABLE puppy(age int DEFAULT 0, CHECK (age < 2)) INHERITS (dog);
CREATE TABLE swimmer(depth int); CREATE TABLE duck(beak text) INHERITS (animal, swimmer);
ALTER TABLE duck ALTER name SET DEFAULT 'Donald';
INSERT INTO animal VALUES (1, 'it'); INSERT INTO dog VALUES (10, 'Rex', 2), (11, 'Fido', 2);
INSERT INTO puppy VALUES (12, 'Pup', 3, 1); INSERT INTO duck VALUES (4, 'D', 5, 'yellow');
