-- OpenTelemetry Collector -> Kafka -> ClickHouse, with no program in between: the broker's messages are OTLP requests, and what
-- the collector would insert goes into the same views. Needs otlp.proto in the server's format_schemas folder (deploy/README.md).
-- One message is one ExportTraceServiceRequest, as the Kafka exporter of the OpenTelemetry Collector writes it (otlp_proto).
CREATE TABLE IF NOT EXISTS quarterdeck.kafka_traces AS quarterdeck.otlp_traces_in
ENGINE = Kafka
SETTINGS
    kafka_broker_list = 'kafka:9092',
    kafka_topic_list = 'otlp_spans',
    kafka_group_name = 'quarterdeck',
    kafka_format = 'ProtobufSingle',
    format_schema = 'otlp.proto:ExportTraceServiceRequest',
    kafka_num_consumers = 2,
    kafka_max_block_size = 20000,
    kafka_flush_interval_ms = 1000,
    kafka_handle_error_mode = 'stream';

CREATE MATERIALIZED VIEW IF NOT EXISTS quarterdeck.kafka_traces_mv TO quarterdeck.otlp_traces_in AS
SELECT * FROM quarterdeck.kafka_traces WHERE length(_error) = 0;

CREATE TABLE IF NOT EXISTS quarterdeck.kafka_refused (At DateTime DEFAULT now(), Topic String, Offset UInt64, Error String, Message String)
ENGINE = MergeTree ORDER BY At TTL At + INTERVAL 7 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS quarterdeck.kafka_refused_mv TO quarterdeck.kafka_refused AS
SELECT _topic AS Topic, _offset AS Offset, _error AS Error, _raw_message AS Message
FROM quarterdeck.kafka_traces WHERE length(_error) > 0;
