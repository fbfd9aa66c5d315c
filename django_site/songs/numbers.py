"""Numbers of rows in addresses and forms."""

from django.urls.converters import IntConverter

# The greatest whole number of a database.
_MAX_NUMBER = 2**63 - 1


class NumberConverter(IntConverter):
    """The number of a row; a greater one than any row can have is no address."""

    def to_python(self, value: str) -> int:
        """Return the number; raise ValueError if it is too great."""
        number = super().to_python(value)
        if number > _MAX_NUMBER:
            raise ValueError("No row has this number.")
        return number
