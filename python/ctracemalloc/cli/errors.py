"""What a command raises to end with one clear line."""


class CommandError(Exception):
    """The command cannot do its work; the text names the cause and the remedy."""


class UsageError(CommandError):
    """The command was called wrongly."""
