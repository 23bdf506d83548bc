-- needs: type xml
CREATE SCHEMA xmls; SET search_path = xmls;
CREATE TABLE docs(id int, a xml);
INSERT INTO docs VALUES (1, '<a b="c">&amp;<![CDATA[ ]]> </a>'), (2, 'only text &lt;'), (3, NULL),
  (4, XMLPARSE(DOCUMENT '<?xml version="1.0"?><é>😀</é>')), (5, '');
