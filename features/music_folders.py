"""Which files of a music folder are songs, and which of its folders hold none of the user's own."""

from pathlib import PurePath

# Suffixes of audio files, in small letters.
AUDIO_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("aac", "ac3", "aif", "aifc", "aiff", "amr", "ape", "au", "caf", "dsf", "eac3", "flac", "m4a", "m4b", "mka"),
        *("mp1", "mp2", "mp3", "mp4", "oga", "ogg", "opus", "rf64", "snd", "tta", "w64", "wav", "wave", "weba"),
        *("webm", "wma", "wv"),
    )
)

# Folders that systems and programs make: deleted files, former versions, snapshots, thumbnails. In small letters.
_IGNORED = frozenset(
    {
        *("#recycle", "#snapshot", "@eadir"),  # Synology
        *("@recycle", "@recently-snapshot"),  # QNAP
        *("$recycle.bin", "system volume information"),  # Windows
        *(".trash", ".trashes", ".appledouble", "__macosx", ".documentrevisions-v100", ".temporaryitems"),  # macOS
        *("lost+found", ".snapshot", ".snapshots", ".zfs"),  # file systems
        *(".stversions", ".ipynb_checkpoints"),  # Syncthing, Jupyter
    }
)
# The trash of a disk on a Linux desktop: `.Trash-1000`, with the user's number.
_TRASH = ".trash-"
# A macOS companion of a file, on a disk of another system: `._song.mp3`.
_COMPANION = "._"


def is_ignored_folder(name: str) -> bool:
    """Return whether a folder of this name holds deleted files, copies or thumbnails; its path plays no part.

    A hidden folder is not ignored for its dot: an album may be called ".5: The Gray Chapter".
    """
    folded = name.lower()
    return folded in _IGNORED or folded.startswith(_TRASH)


def is_companion(name: str) -> bool:
    """Return whether a file of this name is one that macOS keeps beside a file, with the suffix of that file."""
    return name.startswith(_COMPANION)


def is_song(name: str) -> bool:
    """Return whether a file of this name, with or without a path, is taken for a song."""
    path = PurePath(name)
    return path.suffix.lower() in AUDIO_SUFFIXES and not is_companion(path.name)
