-- Tables and views with their columns.
-- table =         only of this one
SELECT table, name AS column, type, comment
FROM system.columns
WHERE database = currentDatabase()
    AND NOT startsWith(table, '.inner')
    AND NOT endsWith(table, '_mv')
    AND NOT match(table, '^otlp_|_in$|^schema_|^rebuilds$')
    AND ({table:String} = '' OR table = {table:String})
ORDER BY table, position
