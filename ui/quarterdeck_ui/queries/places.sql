-- Environments and services that have run something lately.
SELECT DISTINCT Environment, ServiceName AS Service
FROM runs
WHERE Day >= toDate(now('UTC')) - 3 AND ServiceName != ''
ORDER BY Environment, Service
LIMIT 500
