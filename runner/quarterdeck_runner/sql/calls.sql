-- Answered model calls: what runs used and cost, and what tokens are predicted from. Times are nanoseconds since the epoch.

-- name: create_table
CREATE TABLE IF NOT EXISTS quarterdeck_calls (
    run_id TEXT NOT NULL,
    step TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    prompt_characters BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cost DOUBLE PRECISION,
    started_ns BIGINT NOT NULL,
    duration_ns BIGINT NOT NULL
)

-- name: create_index_of_runs
CREATE INDEX IF NOT EXISTS quarterdeck_calls_run ON quarterdeck_calls (run_id)

-- name: create_index_of_models
CREATE INDEX IF NOT EXISTS quarterdeck_calls_model ON quarterdeck_calls (provider, model, started_ns)

-- name: insert
INSERT INTO quarterdeck_calls (run_id, step, provider, model, prompt_characters, input_tokens, output_tokens, cost,
    started_ns, duration_ns)
VALUES (:run_id, :step, :provider, :model, :prompt_characters, :input_tokens, :output_tokens, :cost,
    :started_ns, :duration_ns)

-- name: of_run
SELECT * FROM quarterdeck_calls WHERE run_id = :run_id ORDER BY started_ns

-- name: newest
SELECT prompt_characters, input_tokens, output_tokens FROM quarterdeck_calls
WHERE provider = :provider AND model = :model AND prompt_characters > 0 AND input_tokens > 0
ORDER BY started_ns DESC LIMIT :limit
