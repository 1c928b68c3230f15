"""Characters that a mail program put in the place of plain ones → the plain ones."""

from collections.abc import Mapping


class Straight:
    """Single characters and what stands for them. Of a text that holds few of them, `str.translate` takes a hundred
    times as long: it asks of each character, this of each replacement.
    """

    def __init__(self, replaced: Mapping[str, str]) -> None:
        """Take the characters, none of them ASCII; what replaces one of them holds none of them itself."""
        self._replaced = tuple(replaced.items())

    def of(self, text: str) -> str:
        """Give the text with all of them replaced."""
        if text.isascii():
            return text
        for character, plain in self._replaced:
            text = text.replace(character, plain)
        return text
