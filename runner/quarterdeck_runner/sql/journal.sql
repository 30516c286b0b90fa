-- What is finished inside the steps of runs: iterations of loops, nested pipelines, tasks. DBOS keeps the steps themselves.

-- name: create_table
CREATE TABLE IF NOT EXISTS quarterdeck_journal (
    run_id TEXT NOT NULL,
    path TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (run_id, path)
)

-- name: put
INSERT INTO quarterdeck_journal (run_id, path, record) VALUES (:run_id, :path, :record)
ON CONFLICT (run_id, path) DO UPDATE SET record = excluded.record

-- name: get
SELECT record FROM quarterdeck_journal WHERE run_id = :run_id AND path = :path

-- name: all
SELECT path, record FROM quarterdeck_journal WHERE run_id = :run_id
