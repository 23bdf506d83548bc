CREATE SCHEMA "Sch.ema ""q"" 😀"; SET search_path = "Sch.ema ""q"" 😀";
CREATE TABLE "Ta.ble ""x"" it's"("Col ""umn""" int, "select" text, "a,b" text, "back\slash" text, "\." text, "new
line" text, "😀" text, " " text, "%s %(a)s {}" text, "UPPER" text, "upper" text);
INSERT INTO "Ta.ble ""x"" it's" VALUES (1, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j');
CREATE TABLE "two
lines"(a int); INSERT INTO "two
lines" VALUES (1);
CREATE TABLE "table"("from" int PRIMARY KEY); INSERT INTO "table" VALUES (1);
CREATE TABLE "back\slash\n"(a int); INSERT INTO "back\slash\n" VALUES (1);
CREATE TABLE "-- drop"("; drop table x; --" int); INSERT INTO "-- drop" VALUES (1);
CREATE TABLE "$$ $1 :a %"("tab	" int); INSERT INTO "$$ $1 :a %" VALUES (1);
CREATE TABLE "../up/*?<>|"(a int); INSERT INTO "../up/*?<>|" VALUES (1);
CREATE TABLE "ÄÖÜäöüß Ω 漢字 _________________________"(a int); INSERT INTO "ÄÖÜäöüß Ω 漢字 _________________________" VALUES (1);
CREATE TABLE abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_123456789(a serial); INSERT INTO abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_123456789 VALUES (1);
CREATE TABLE same(a int); CREATE TABLE "Same"(a int); CREATE SCHEMA "Public"; CREATE TABLE "Public".same(a text);
INSERT INTO same VALUES (1); INSERT INTO "Same" VALUES (2); INSERT INTO "Public".same VALUES ('3');
CREATE INDEX "In dex ""i"" .😀" ON "table" ("from"); CREATE TYPE "Ty.pe" AS ENUM ('a'); CREATE TABLE typed(a "Ty.pe"[]); INSERT INTO typed VALUES ('{a}');
CREATE FUNCTION "Fun.c ""f"""("a b" int) RETURNS int LANGUAGE sql AS 'SELECT "a b"';
