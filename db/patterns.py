"""Text as LIKE patterns, and as ranges of an index with text_pattern_ops."""


def escape_like(text: str) -> str:
    """`text` as a LIKE pattern that matches itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def prefix_range(text: str) -> tuple[str, str]:
    """(low, high) so that `low ~<=~ x ~<~ high` holds for what begins with `text`.

    A LIKE with a parameter has no such range in a generic plan, and would read the whole table there.
    """
    return text, text + chr(0x10FFFF)
