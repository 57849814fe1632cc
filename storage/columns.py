"""JSON as columns keep it, the same for every database. Knows no column.

A figure that is no number, as where a KL is infinite, is null: JSON has no word for it, and what one
library writes all the same another one, and PostgreSQL, refuse to read.
"""

import orjson

PLAIN = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY


def written(value: object) -> str:
    """Return a value as JSON."""
    return orjson.dumps(value, option=PLAIN).decode()


JSON = {"json_serializer": written, "json_deserializer": orjson.loads}
"""What makes an engine keep it so."""
