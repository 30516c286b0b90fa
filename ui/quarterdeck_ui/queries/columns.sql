-- Tables and views that readers may ask, and their columns in order; those that hold rows on their way are left out.
SELECT table AS TableName, name AS Name, type AS Type, comment AS Comment
FROM system.columns
WHERE database = currentDatabase() AND NOT match(table, '_mv$|_in$|_local$|^\\.inner') AND table NOT IN ('recent_calls', 'schema_migrations', 'rebuilds')
ORDER BY TableName, position
