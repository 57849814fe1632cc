"""What things are called outside, and what that becomes when it is imported. Knows no table.

Raters stand under a name that is always the same and leads nowhere without the database.
"""

import hashlib
from functools import lru_cache


@lru_cache(maxsize=4_096)
def pseudonym(rater: str) -> str:
    """Return what a rater is called outside: 32 hex digits."""
    return hashlib.sha256(rater.encode()).hexdigest()[:32]


def digest(text: str) -> str:
    """Return the id of what is imported, that only the text decides."""
    return hashlib.sha256(f"import/{text}".encode()).hexdigest()[:32]
