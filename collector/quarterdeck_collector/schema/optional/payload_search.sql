-- Full-text index over prompts, answers and other payloads. Queries read the same with and without it, and find the same:
-- hasAllTokens, hasAnyTokens, hasPhrase and LIKE over SearchText.

ALTER TABLE ${db}.otel_traces${L} ${on_cluster}
    ADD INDEX IF NOT EXISTS idx_search_text SearchText TYPE text(tokenizer = 'splitByNonAlpha');

-- In the background, part by part; parts that have no index yet are scanned.
ALTER TABLE ${db}.otel_traces${L} ${on_cluster} MATERIALIZE INDEX idx_search_text SETTINGS mutations_sync = 0;
