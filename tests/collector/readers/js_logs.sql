SELECT TraceId, SeverityText, SeverityNumber, Body, LogAttributes FROM otel_logs WHERE ServiceName = {service:String}
