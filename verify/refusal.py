"""Refusals: bad input that ends a command with one clear sentence, and what a claim lacks on this machine."""


class BadInputError(ValueError):
    """What was asked for cannot be done; the message is one sentence naming the argument, the rule and the value."""


class MissingRequirementError(Exception):
    """A claim needs something that is not installed here; its finding is skipped, not failed."""
