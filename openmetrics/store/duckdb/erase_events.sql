DELETE FROM event
WHERE received <= $until
    AND (
        user_id IN (SELECT unnest($users::VARCHAR[]))
        OR (user_id IS NULL AND session_id IN (SELECT unnest($sessions::VARCHAR[])))
    )
