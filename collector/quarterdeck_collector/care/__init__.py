"""Care of stored data: purge, reprice, retention, export and import.

Each operation is a function over a :class:`~quarterdeck_collector.store.Store`; ``operations`` gathers them, ``routes``
exposes them over HTTP, and ``access`` lets a command reach them wherever the data are owned.
"""
