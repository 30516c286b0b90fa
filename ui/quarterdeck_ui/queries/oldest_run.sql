-- The first day on which a run is known, seconds since the epoch; 0 without runs.
SELECT if(count() = 0, 0, toUnixTimestamp(toDateTime(min(Day), 'UTC'))) AS Oldest FROM runs
