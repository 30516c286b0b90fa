-- Ids of the runs that began within a range and fit a search, newest first. An empty value or list fits everything, and so
-- does a bound below 0; the page after a run begins behind its time and id. Rows of one run may still be unmerged, hence
-- the grouping; a run that goes on over midnight has another row on the next day. Without a search, its first row suffices.
-- Only runs that one row of theirs speaks for are put together: a row with the root and its calls has to fit all that is
-- searched for, one that may still lack either has to fit a part of it. Conditions that do not count are written so that they
-- are constant, and cost nothing. GLOBAL matters on a cluster only.
WITH
    (row -> positionCaseInsensitiveUTF8(row, {pipeline:String}) > 0) AS is_pipeline,
    (models -> arrayExists(name -> positionCaseInsensitiveUTF8(name, {model:String}) > 0, models)) AS has_model,
    (row -> arrayAll(word -> positionCaseInsensitiveUTF8(row, word) > 0, {words:Array(String)})) AS has_words,
    (row -> arrayExists(word -> positionCaseInsensitiveUTF8(row, word) > 0, {words:Array(String)})) AS has_a_word
SELECT RunId, toUnixTimestamp64Nano(min(r.Start)) AS StartNs
FROM runs AS r
WHERE r.Day >= toDate(fromUnixTimestamp64Nano({since:Int64}, 'UTC'))
    AND r.Day <= toDate(fromUnixTimestamp64Nano({until:Int64}, 'UTC')) + 1
    AND r.Start >= fromUnixTimestamp64Nano({since:Int64})
    AND ({searching:Bool} OR r.Start <= fromUnixTimestamp64Nano({until:Int64}))
    AND (
        empty({statuses:Array(String)}) AND {pipeline:String} = '' AND {model:String} = '' AND empty({words:Array(String)})
            AND {cost_from:Float64} <= 0 AND {cost_to:Float64} < 0 AND {seconds_from:Float64} <= 0 AND {seconds_to:Float64} < 0
        OR RunId GLOBAL IN (
            SELECT RunId
            FROM (
                SELECT
                    *,
                    (toUnixTimestamp64Nano(End) - toUnixTimestamp64Nano(Start)) / 1e9 AS Seconds,
                    concat(
                        RunId, ' ', PipelineName, ' ', PipelineVersion, ' ', RootName, ' ', ErrorType, ' ', StatusMessage, ' ',
                        ServiceName, ' ', Environment, ' ', arrayStringConcat(Models, ' ')
                    ) AS Words
                FROM runs
            )
            WHERE Day >= toDate(fromUnixTimestamp64Nano({since:Int64}, 'UTC'))
                AND Day <= toDate(fromUnixTimestamp64Nano({until:Int64}, 'UTC')) + 1
                AND ({cost_to:Float64} < 0 OR Cost <= {cost_to:Float64})
                AND ({seconds_to:Float64} < 0 OR Seconds <= {seconds_to:Float64})
                AND if(
                    RootSeen AND ModelCalls > 0,
                    (empty({statuses:Array(String)}) OR has({statuses:Array(String)}, Status))
                        AND ({pipeline:String} = '' OR is_pipeline(PipelineName))
                        AND ({model:String} = '' OR has_model(Models))
                        AND ({cost_from:Float64} <= 0 OR Cost >= {cost_from:Float64})
                        AND ({seconds_from:Float64} <= 0 OR Seconds >= {seconds_from:Float64})
                        AND (empty({words:Array(String)}) OR has_words(Words)),
                    notEmpty({statuses:Array(String)}) AND has({statuses:Array(String)}, if(RootSeen, Status, ''))
                        OR {pipeline:String} != '' AND is_pipeline(PipelineName)
                        OR {model:String} != '' AND has_model(Models)
                        OR {cost_from:Float64} > 0 AND Cost > 0
                        OR {seconds_from:Float64} > 0 AND (NOT RootSeen OR Seconds >= {seconds_from:Float64})
                        OR notEmpty({words:Array(String)}) AND has_a_word(Words)
                        OR {cost_to:Float64} >= 0 OR {seconds_to:Float64} >= 0
                )
        )
    )
GROUP BY RunId
HAVING (StartNs < {until:Int64} OR (StartNs = {until:Int64} AND RunId > {after:String}))
    AND max(r.PipelineName != '' OR r.ModelCalls > 0)
    AND ({environment:String} = '' OR max(r.Environment) = {environment:String})
    AND ({service:String} = '' OR max(r.ServiceName) = {service:String})
    AND (empty({statuses:Array(String)}) OR has({statuses:Array(String)}, if(max(r.RootSeen), max(r.Status), '')))
    AND ({pipeline:String} = '' OR is_pipeline(max(r.PipelineName)))
    AND ({model:String} = '' OR has_model(groupUniqArrayArray(r.Models)))
    AND ({cost_from:Float64} < 0 OR sum(r.Cost) >= {cost_from:Float64})
    AND ({cost_to:Float64} < 0 OR (sum(r.Cost) <= {cost_to:Float64} AND sum(r.UnpricedCalls) = 0))
    AND ({seconds_from:Float64} < 0 OR (toUnixTimestamp64Nano(max(r.End)) - StartNs) / 1e9 >= {seconds_from:Float64})
    AND ({seconds_to:Float64} < 0 OR (toUnixTimestamp64Nano(max(r.End)) - StartNs) / 1e9 <= {seconds_to:Float64})
    AND (empty({words:Array(String)}) OR has_words(concat(
        RunId, ' ', max(r.PipelineName), ' ', max(r.PipelineVersion), ' ', max(r.RootName), ' ', max(r.ErrorType), ' ',
        max(r.StatusMessage), ' ', max(r.ServiceName), ' ', max(r.Environment), ' ',
        arrayStringConcat(groupUniqArrayArray(r.Models), ' ')
    )))
ORDER BY StartNs DESC, RunId
LIMIT {limit:UInt32}
