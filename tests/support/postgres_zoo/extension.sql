-- needs: extension replicate_zoo
CREATE SCHEMA "ext zoo"; CREATE EXTENSION replicate_zoo SCHEMA "ext zoo";
INSERT INTO "ext zoo".zoo_settings VALUES ('own', 'of the user'), (E'tab\t', E'\\.');
INSERT INTO "ext zoo".zoo_cache VALUES ('not a setting: belongs to the extension, and is not dumped');
DELETE FROM "ext zoo".zoo_cache;
SELECT nextval('"ext zoo".zoo_numbers');
CREATE SCHEMA extension; CREATE TABLE extension.uses(a "ext zoo".zoo_kind); INSERT INTO extension.uses VALUES ('tame');
