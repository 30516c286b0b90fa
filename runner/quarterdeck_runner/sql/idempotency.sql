-- Requests with an Idempotency-Key, and what they were answered. Times are nanoseconds since the epoch.

-- name: create_table
CREATE TABLE IF NOT EXISTS quarterdeck_requests (
    actor TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    reserved TEXT NOT NULL,
    owner TEXT NOT NULL,
    status INTEGER NOT NULL DEFAULT 0,
    headers TEXT NOT NULL DEFAULT '[]',
    body TEXT NOT NULL DEFAULT '',
    created_ns BIGINT NOT NULL,
    PRIMARY KEY (actor, key)
)

-- name: release
UPDATE quarterdeck_requests SET owner = '' WHERE status = 0

-- name: expire
DELETE FROM quarterdeck_requests WHERE created_ns < :before

-- name: begin
INSERT INTO quarterdeck_requests (actor, key, fingerprint, reserved, owner, created_ns)
VALUES (:actor, :key, :fingerprint, :reserved, :owner, :now)
ON CONFLICT (actor, key) DO NOTHING

-- name: get
SELECT * FROM quarterdeck_requests WHERE actor = :actor AND key = :key

-- name: take_over
UPDATE quarterdeck_requests SET owner = :owner, created_ns = :now
WHERE actor = :actor AND key = :key AND status = 0 AND owner = :former AND created_ns = :created_ns

-- name: finish
UPDATE quarterdeck_requests SET status = :status, headers = :headers, body = :body
WHERE actor = :actor AND key = :key AND owner = :owner

-- name: forget
DELETE FROM quarterdeck_requests WHERE actor = :actor AND key = :key AND owner = :owner AND status = 0
