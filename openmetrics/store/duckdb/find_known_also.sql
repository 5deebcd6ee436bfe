-- Of the events from a sequence number on, find those whose id the period beside them has too.
WITH asked AS (SELECT unnest($ids) AS id, unnest($periods) AS period),
known AS (
    SELECT event.id FROM event
    JOIN asked ON event.id_key = md5_number_lower(asked.id) AND event.period = asked.period AND event.id = asked.id
    WHERE event.seq < $first
)
SELECT seq FROM event WHERE seq >= $first AND id IN (SELECT id FROM known)
