"""Fonts for names in any script: Pillow's own for plain letters, else one of the machine's that has every letter."""

import os
import re
import unicodedata
from functools import cache, lru_cache
from pathlib import Path

from PIL import ImageFont
from PIL import features as pillow

# Where fonts are, below the folders of the XDG specification, and on macOS.
_BELOW_DATA = "fonts"
_MACOS = ("/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts")
_SUFFIXES = {".ttf", ".otf", ".ttc"}
# Taken only if no other font has the letters; the last is macOS' font of boxes.
_UNUSUAL = re.compile("bold|black|light|thin|italic|oblique|mono|condensed|narrow|math|serif(?!.*sans)", re.IGNORECASE)
_BOXES = "lastresort"
# No font has it: it is drawn as a missing letter.
_NO_LETTER = "\U0010ffff"
_PILLOWS_OWN = Path()
_LOOKED_AT = 16


def find_font(text: str, size: int) -> ImageFont.FreeTypeFont | None:
    """Return a font that has every letter of a text, None if there is none on this machine.

    None also where letters are joined or run from right to left, as in Arabic, and Pillow lacks the library for it.
    """
    file = _find_file(text)
    return _load(file, size) if file else None


@lru_cache(maxsize=1024)
def _find_file(text: str) -> Path | None:
    if _needs_shaping(text) and not pillow.check("raqm"):
        return None
    for file in (_PILLOWS_OWN, *_font_files()):
        try:
            font = _load(file, _LOOKED_AT)
        except OSError:
            # Damaged, or with pictures of one size only, as fonts of emoji are.
            continue
        if _has_letters(font, text):
            return file
    return None


def _load(file: Path, size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size) if file == _PILLOWS_OWN else ImageFont.truetype(file, size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType. Install it from its wheel.")
    return font


def _needs_shaping(text: str) -> bool:
    return any(unicodedata.bidirectional(c) in ("R", "AL") or unicodedata.category(c) in ("Mn", "Mc") for c in text)


@cache
def _font_files() -> tuple[Path, ...]:
    """Return the files of the machine's fonts, those that look most like Pillow's first."""
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    data = [home, *(os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":")]
    folders = [*(Path(folder, _BELOW_DATA) for folder in data), *map(Path, _MACOS)]
    files = {path for folder in folders for path in folder.expanduser().rglob("*") if path.suffix.lower() in _SUFFIXES}
    usable = [path for path in files if _BOXES not in path.stem.lower()]
    return tuple(sorted(usable, key=lambda path: (bool(_UNUSUAL.search(path.stem)), path.stem, path)))


def _has_letters(font: ImageFont.FreeTypeFont, text: str) -> bool:
    lacking = (_drawn(font, _NO_LETTER), _drawn(font, " "))
    return all(_drawn(font, letter) not in lacking for letter in set(text) if not _is_invisible(letter))


def _drawn(font: ImageFont.FreeTypeFont, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)


def _is_invisible(letter: str) -> bool:
    """Return whether a character is a space, a joiner, or one that chooses a variant of the letter before it."""
    return letter.isspace() or unicodedata.category(letter) == "Cf" or "\ufe00" <= letter <= "\ufe0f"
