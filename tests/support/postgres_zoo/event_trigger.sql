CREATE SCHEMA events; SET search_path = events;
CREATE TABLE seen(tag text); INSERT INTO seen VALUES ('before');
CREATE FUNCTION remember() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO events.seen VALUES (TG_TAG); END $$;
-- Where it exists before the tables do, `seen` has more rows than it should.
CREATE EVENT TRIGGER zoo_remember ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'CREATE INDEX') EXECUTE FUNCTION remember();
CREATE EVENT TRIGGER "zoo off" ON sql_drop EXECUTE FUNCTION remember(); ALTER EVENT TRIGGER "zoo off" DISABLE;
COMMENT ON EVENT TRIGGER zoo_remember IS 'event trigger';
