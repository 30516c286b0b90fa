-- Batches and their items. An item points to the run that does it; times are nanoseconds since the epoch.

-- name: create_batches
CREATE TABLE IF NOT EXISTS quarterdeck_batches (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    concurrency INTEGER NOT NULL,
    max_cost_usd DOUBLE PRECISION,
    spec TEXT NOT NULL,
    total INTEGER NOT NULL,
    created_ns BIGINT NOT NULL,
    completed_ns BIGINT NOT NULL DEFAULT 0,
    touched_ns BIGINT NOT NULL DEFAULT 0
)

-- name: create_arms
CREATE TABLE IF NOT EXISTS quarterdeck_batch_arms (
    batch_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    variant TEXT NOT NULL,
    model TEXT NOT NULL,
    file TEXT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (batch_id, number)
)

-- name: create_items
CREATE TABLE IF NOT EXISTS quarterdeck_batch_items (
    batch_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    line INTEGER NOT NULL,
    arm INTEGER NOT NULL,
    inputs TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending',
    run_id TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0,
    claimed_ns BIGINT NOT NULL DEFAULT 0,
    started_ns BIGINT NOT NULL DEFAULT 0,
    completed_ns BIGINT NOT NULL DEFAULT 0,
    output TEXT NOT NULL DEFAULT 'null',
    error TEXT NOT NULL DEFAULT '',
    calls INTEGER NOT NULL DEFAULT 0,
    input_tokens BIGINT NOT NULL DEFAULT 0,
    output_tokens BIGINT NOT NULL DEFAULT 0,
    cost DOUBLE PRECISION,
    model_ns BIGINT NOT NULL DEFAULT 0,
    spent DOUBLE PRECISION NOT NULL DEFAULT 0,
    unpriced INTEGER NOT NULL DEFAULT 0,
    score DOUBLE PRECISION,
    verdict TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (batch_id, number)
)

-- name: create_index_of_statuses
CREATE INDEX IF NOT EXISTS quarterdeck_batch_items_status ON quarterdeck_batch_items (batch_id, status, number)

-- name: insert_batch
INSERT INTO quarterdeck_batches (id, kind, name, status, concurrency, max_cost_usd, spec, total, created_ns)
VALUES (:id, :kind, :name, 'running', :concurrency, :max_cost_usd, :spec, :total, :created_ns)

-- name: insert_arm
INSERT INTO quarterdeck_batch_arms (batch_id, number, variant, model, file, source)
VALUES (:batch_id, :number, :variant, :model, :file, :source)

-- name: insert_item
INSERT INTO quarterdeck_batch_items (batch_id, number, line, arm, inputs)
VALUES (:batch_id, :number, :line, :arm, :inputs)

-- name: get
SELECT * FROM quarterdeck_batches WHERE id = :id

-- name: newest
SELECT * FROM quarterdeck_batches WHERE kind = :kind OR :kind = '' ORDER BY created_ns DESC, id DESC LIMIT :limit

-- name: at_work
SELECT * FROM quarterdeck_batches AS b
WHERE status = 'running'
    OR (status IN ('paused', 'stopped') AND EXISTS (
        SELECT 1 FROM quarterdeck_batch_items WHERE batch_id = b.id AND status = 'running'))
ORDER BY created_ns

-- name: progress
SELECT status, COUNT(*) AS items, SUM(spent) AS spent, SUM(unpriced) AS unpriced, SUM(input_tokens) AS input_tokens,
    SUM(output_tokens) AS output_tokens, SUM(CASE WHEN completed_ns > :since THEN 1 ELSE 0 END) AS lately
FROM quarterdeck_batch_items WHERE batch_id = :id GROUP BY status

-- name: arms
SELECT * FROM quarterdeck_batch_arms WHERE batch_id = :id ORDER BY number

-- name: arm
SELECT * FROM quarterdeck_batch_arms WHERE batch_id = :id AND number = :number

-- name: items
SELECT * FROM quarterdeck_batch_items WHERE batch_id = :id AND number > :after ORDER BY number LIMIT :limit

-- name: items_of_status
SELECT * FROM quarterdeck_batch_items WHERE batch_id = :id AND status = :status AND number > :after
ORDER BY number LIMIT :limit

-- name: ended
SELECT i.number, i.inputs, i.run_id, r.status AS run_status, r.output AS run_output, r.error AS run_error,
    r.started_ns AS run_started_ns, r.completed_ns AS run_completed_ns
FROM quarterdeck_batch_items AS i JOIN quarterdeck_runs AS r ON r.id = i.run_id
WHERE i.batch_id = :id AND i.status = 'running' AND r.status IN ('completed', 'failed', 'cancelled')

-- name: orphans
SELECT i.* FROM quarterdeck_batch_items AS i LEFT JOIN quarterdeck_runs AS r ON r.id = i.run_id
WHERE i.batch_id = :id AND i.status = 'running' AND i.claimed_ns < :before AND r.id IS NULL

-- name: touch
UPDATE quarterdeck_batches SET touched_ns = :now WHERE id = :id AND status = 'running'

-- name: running
SELECT COUNT(*) AS items FROM quarterdeck_batch_items WHERE batch_id = :id AND status = 'running'

-- name: pending
SELECT * FROM quarterdeck_batch_items WHERE batch_id = :id AND status = 'pending' ORDER BY number LIMIT :limit

-- name: claim
UPDATE quarterdeck_batch_items SET status = 'running', run_id = :run_id, attempts = attempts + 1, claimed_ns = :now
WHERE batch_id = :id AND number = :number AND status = 'pending'

-- name: settle
UPDATE quarterdeck_batch_items
SET status = :status, started_ns = :started_ns, completed_ns = :completed_ns, output = :output, error = :error,
    calls = :calls, input_tokens = :input_tokens, output_tokens = :output_tokens, cost = :cost, model_ns = :model_ns,
    spent = spent + :spent, unpriced = unpriced + :unpriced, score = :score, verdict = :verdict
WHERE batch_id = :id AND number = :number AND run_id = :run_id AND status = 'running'

-- name: pause
UPDATE quarterdeck_batches SET status = 'paused', reason = '' WHERE id = :id AND status = 'running'

-- name: stop
UPDATE quarterdeck_batches SET status = 'stopped', reason = ''
WHERE id = :id AND (status IN ('running', 'paused') OR (status = 'stopped' AND reason != ''))

-- name: halt
UPDATE quarterdeck_batches SET status = 'stopped', reason = :reason WHERE id = :id AND status = 'running'

-- name: resume
UPDATE quarterdeck_batches
SET status = 'running', reason = '', max_cost_usd = COALESCE(:max_cost_usd, max_cost_usd),
    concurrency = COALESCE(:concurrency, concurrency)
WHERE id = :id AND status IN ('paused', 'stopped')

-- name: reopen
UPDATE quarterdeck_batches SET status = 'running', reason = '', completed_ns = 0
WHERE id = :id AND status IN ('running', 'completed')

-- name: rerun
UPDATE quarterdeck_batch_items SET status = 'pending' WHERE batch_id = :id AND status IN ('failed', 'cancelled')

-- name: complete
UPDATE quarterdeck_batches SET status = 'completed', reason = '', completed_ns = :now
WHERE id = :id AND status IN ('running', 'paused', 'stopped') AND NOT EXISTS (
    SELECT 1 FROM quarterdeck_batch_items WHERE batch_id = :id AND status IN ('pending', 'running'))
