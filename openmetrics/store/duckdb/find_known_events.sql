-- Of the events from a sequence number on, find those whose (period, id) an earlier one has, given
-- the places where their keys were found.
WITH fresh AS MATERIALIZED (SELECT seq, period, id FROM event WHERE seq >= $first),
known AS (SELECT period, id FROM event WHERE rowid IN (SELECT unnest($places)))
SELECT seq FROM fresh SEMI JOIN known USING (period, id)
