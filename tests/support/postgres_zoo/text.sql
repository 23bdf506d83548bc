CREATE SCHEMA texts; SET search_path = texts;
CREATE TABLE odd(id serial PRIMARY KEY, what text NOT NULL, value text);
INSERT INTO odd(what, value)
  SELECT 'control ' || i, 'a' || chr(i) || 'b' || chr(i) FROM generate_series(1, 31) i;
INSERT INTO odd(what, value) SELECT 'alone ' || i, chr(i) FROM generate_series(1, 31) i;
INSERT INTO odd(what, value) VALUES
  ('delete', chr(127)), ('null', NULL), ('empty', ''), ('null word', 'NULL'), ('blank', ' '),
  ('quotes', '"a""b"'), ('apostrophes', '''it''s'''), ('backslash', E'\\'), ('two', E'\\\\'),
  ('end of copy', E'\\.'), ('end on a line', E'before\n\\.\nafter'), ('copy null', E'\\N'),
  ('backslash n', E'\\n'), ('backslash t', E'a\\tb'), ('octal', E'\\101'), ('hex', E'\\x41'),
  ('ends so', E'end\\'), ('blank lines', repeat(E'\n', 100)), ('long', repeat('0123456789abcdef', 65536)),
  ('emoji', '😀👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿'), ('crlf', E'one\r\ntwo\r\n'), ('cr', E'one\rtwo\r'), ('lines', E'one\ntwo\n'),
  ('tabs', E'\t\ta\t'), ('comment', '-- no comment'), ('dollars', '$$ $body$ $1 $$'),
  ('meta', E'\\connect nowhere\n\\! true'), ('sql', '); DROP TABLE odd; --'),
  ('variable', ':name :''name'' :"name" %s %(x)s {} {0}'), ('bom', U&'\FEFFa'), ('nel', U&'a\0085b\2028c\2029d'),
  ('combining', U&'e\0301 \00E9'), ('rtl', 'שלום عالم'), ('last', U&'\+10FFFF\FFFF\FFFD'), ('comma', 'a,b;c|d');
CREATE TABLE kinds(a varchar(10), b char(5), c "char", d name, e char, f varchar COLLATE "C");
INSERT INTO kinds VALUES ('äöü😀', 'ab', 'x', 'a name', 'y', 'Z'), ('', '', '', '', '', ''),
  ('  a  ', ' a  ', E'\n', repeat('n', 63), ' ', E'\\'), (NULL, NULL, NULL, NULL, NULL, NULL);
