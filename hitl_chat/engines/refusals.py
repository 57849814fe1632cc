"""What people are told when a server elsewhere gives no answer. Knows HTTP's numbers, no connection.

The host reads the details in the log; they may name files and machines.
"""

LATER = (429, 503)
"""What a server says that has no time."""
SILENT = "The model's server doesn't answer. Try again shortly."
BROKEN = "The model's server broke off. Try again shortly."
BUSY = "The model's server is busy. Try again shortly."
LOST = "The model is being loaded again. Try again shortly."
TOO_LONG = "That is longer than the model can read. Shorten it, or start a new chat."


class ServerSilent(RuntimeError):
    """The server can't be reached, breaks off, or takes too long."""


class ServerRefused(RuntimeError):
    """The server gives an error in place of an answer."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"status {status}: {body}")
        self.status = status
        self._body = body

    @property
    def too_long(self) -> bool:
        """Whether the model can't read as much; servers say that in many ways."""
        return self.status in {400, 413} and "context" in self._body.lower()

    @property
    def told(self) -> str:
        """The line for the person."""
        if self.status in LATER:
            return BUSY
        if self.too_long:
            return TOO_LONG
        asked = 400 <= self.status < 500
        what = "refused the question" if asked else "failed"
        return f"The model's server {what} (status {self.status}). The host can see why in the log."
