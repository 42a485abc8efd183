"""What may be a name on the wire: of a tenant, site or box; never a person's."""

from pydantic import TypeAdapter, ValidationError

from edge.wire.base import Name

_NAME: TypeAdapter[str] = TypeAdapter(Name)


def is_name(text: str) -> bool:
    """Tell whether `text` may stand in a topic and in a key of the tables."""
    try:
        _NAME.validate_python(text)
    except ValidationError:
        return False
    return True
