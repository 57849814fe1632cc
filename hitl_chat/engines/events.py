"""Server-sent events, cut out of a stream of bytes. Knows nothing of what they mean.

Servers that speak OpenAI's protocol put each JSON value on one line of data, and not all of them put
an empty line behind it; so here a line of data is an event
(https://html.spec.whatwg.org/multipage/server-sent-events.html).
"""

DATA = b"data:"


class Events:
    """Takes bytes as they come, and gives the data of the events that are whole."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[str]:
        """Return the data of every line that `piece` completes."""
        # Of bytes this splits at line ends only; of text it would split inside JSON's strings too.
        lines = (self._rest + piece).splitlines(keepends=True)
        whole = not lines or lines[-1].endswith(b"\n")
        self._rest = b"" if whole else lines.pop()
        return [
            line.removeprefix(DATA).strip().decode("utf-8", "replace")
            for line in lines
            if line.startswith(DATA)
        ]

    def end(self) -> list[str]:
        """Return the data of a last line that nothing ends."""
        return self.feed(b"\n")
