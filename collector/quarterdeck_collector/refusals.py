"""What ClickHouse says when it does not do something, and whether to try again."""

import re
from typing import Final

_UNAVAILABLE_CODES: Final = frozenset(
    {
        # NETWORK_ERROR, SOCKET_TIMEOUT, TOO_MANY_SIMULTANEOUS_QUERIES, UNKNOWN_TABLE, UNKNOWN_DATABASE
        *(210, 209, 202, 60, 81),
        # TABLE_IS_READ_ONLY, NOT_ENOUGH_SPACE, TOO_MANY_PARTS, KEEPER_EXCEPTION, AUTHENTICATION_FAILED
        *(242, 243, 252, 999, 516),
        # READONLY, ACCESS_DENIED
        *(164, 497),
        # of a cluster: NO_ZOOKEEPER, ALL_CONNECTION_TRIES_FAILED, UNKNOWN_STATUS_OF_INSERT, TOO_FEW_LIVE_REPLICAS,
        # UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE, and TIMEOUT_EXCEEDED where a node does not run a statement
        *(225, 279, 319, 285, 286, 159),
    }
)
NOT_ENOUGH_SPACE: Final = 243
_BAD_DATA_CODES: Final = frozenset(
    # parse errors, conversions, value ranges, FUNCTION_THROW_IF_VALUE_IS_NON_ZERO, protobuf errors
    {6, 26, 27, 32, 33, 38, 41, 53, 69, 70, 72, 117, 131, 321, 349, 395, 407, 436, 441, 442, 443, 444}
)
_BAD_ARGUMENTS: Final = 36
"""What the Protobuf reader says of a oneof that is given twice, and others of other things."""

_DISK_FULL: Final = re.compile(r"errno: 28\b|No space left on device|Disk quota exceeded", re.IGNORECASE)
_FAILED_LATER: Final = re.compile(r"while pushing to view `?\w+`?\.`?(?!otlp_\w+_in_mv)")
"""A failure behind the view that flattens requests: the table that it feeds may have its rows by then."""

_CODE: Final = re.compile(r"[Cc]ode: ?(\d+)")
_LENGTH: Final = 400


class StoreError(Exception):
    """ClickHouse refused a statement or could not be reached.

    Args:
        message: What ClickHouse said.
        code: ClickHouse's error code; 0 where no answer came.

    Attributes:
        nested_value: Whether a value is nested deeper than the view reads.
        half_stored: Whether a part of the insert may have been stored: then it must only be repeated as it was.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message[:_LENGTH])
        self.code = code
        self.nested_value = "OTLP_NESTED_VALUE" in message
        self.half_stored = _FAILED_LATER.search(message) is not None
        self._oneof = code == _BAD_ARGUMENTS and "protobuf data" in message
        self._disk_full = _DISK_FULL.search(message) is not None

    @property
    def bad_data(self) -> bool:
        """Whether the data, not the store, are the reason: the same data will always be refused."""
        return self.code in _BAD_DATA_CODES or self._oneof

    @property
    def unavailable(self) -> bool:
        """Whether the same statement may well succeed later."""
        return self.code == 0 or self.code in _UNAVAILABLE_CODES or self._disk_full


def refusal(error: Exception) -> StoreError:
    """Make what a client of ClickHouse raised into ours: its message from the code on."""
    message = str(error).strip()
    found = _CODE.search(message)
    return StoreError(message[found.start() :] if found else message, int(found[1]) if found else 0)
