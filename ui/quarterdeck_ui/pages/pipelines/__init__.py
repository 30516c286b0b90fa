"""The page of the pipelines: their files, their runs, their versions, their batches, and the keys of providers."""
