-- Of the events from a sequence number on, find those whose (period, id) another one of them has.
SELECT seq FROM event WHERE seq >= $first
QUALIFY row_number() OVER (PARTITION BY period, id ORDER BY seq) > 1
