"""The two ways in which a command says no: refused input, and a check that did not hold."""


class InputError(ValueError):
    """Input is refused; the message is one line that says what, where and how to mend it (exit code 2)."""


class CheckFailed(RuntimeError):
    """The command ran and what it checks did not hold (exit code 1)."""
