SELECT uniqExact(RunId) AS runs, any(Message) AS message
FROM failed_spans
WHERE Day >= toDate({since:DateTime}) AND Fingerprint = $fingerprint
    AND Timestamp >= {since:DateTime} AND Timestamp < {until:DateTime}
