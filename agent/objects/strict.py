"""pydicom at its strictest: what it would only warn about is an error here (pydicom 3.0: both modes warn).

By default pydicom replaces letters it cannot encode by `?`, writes over-long values and reads invalid ones,
each with a warning at most. A patient's name must not be lost that way (promise P2). The build child has
one thread; the switches below are process-wide while they are set.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from pydicom import config
from pydicom.errors import BytesLengthException, InvalidDicomError

FOREIGN = (
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    struct.error,
    Warning,
    BytesLengthException,
    InvalidDicomError,
)
"""Everything that pydicom raises over a bad value or file; found by feeding it damaged ones. They end here."""


@contextmanager
def strict() -> Iterator[None]:
    """Make pydicom raise instead of warn, when values are set, written and read."""
    settings = config.settings
    before = settings.reading_validation_mode, settings.writing_validation_mode
    settings.reading_validation_mode = settings.writing_validation_mode = config.RAISE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    finally:
        settings.reading_validation_mode, settings.writing_validation_mode = before
