"""What a person may be told. Every refusal is one of these, and its message one sentence: what was given, what goes."""


class IctusError(Exception):
    """Something that was asked for cannot be done; the message is for the one who asked."""
