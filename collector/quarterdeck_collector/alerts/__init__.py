"""Rules over what is stored, watched here and not by an open browser.

``rules`` and ``measures`` say what is watched, ``reading`` asks ClickHouse, ``machine`` decides, ``ledger`` remembers,
``outbox`` delivers, ``engine`` has them work together, ``backtest`` has them work on the past.
"""
