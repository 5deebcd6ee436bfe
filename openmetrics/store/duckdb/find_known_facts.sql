-- Of the facts from a sequence number on, find those whose (kind, id) an earlier one has.
WITH fresh AS MATERIALIZED (SELECT seq, kind, id FROM fact WHERE seq >= $first)
SELECT seq FROM fresh SEMI JOIN (SELECT kind, id FROM fact WHERE seq < $first) USING (kind, id)
UNION
SELECT seq FROM fresh QUALIFY row_number() OVER (PARTITION BY kind, id ORDER BY seq) > 1
