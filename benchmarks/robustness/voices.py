"""Synthetic voices, from the programs espeak-ng and flite where they are installed."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import lru_cache, partial
from itertools import product
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.robustness.recordings import Recording

ESPEAK, FLITE = "espeak-ng", "flite"
_SEED = 42
_SHORTEST_SECONDS, _LONGEST_SECONDS = 12.0, 20.0
_FLITE_VOICES = ("kal16", "awb", "rms", "slt", "kal")
_FLITE_READINGS = 3

# Articles 1 and 3 of the Universal Declaration of Human Rights (United Nations, 1948).
_ENGLISH = (
    "All human beings are born free and equal in dignity and rights. They are endowed with reason and conscience and "
    "should act towards one another in a spirit of brotherhood.",
    "Everyone has the right to life, liberty and security of person.",
)
_TEXTS = {
    "en-gb": _ENGLISH,
    "en-us": _ENGLISH,
    "de": (
        "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt "
        "und sollen einander im Geist der Brüderlichkeit begegnen.",
        "Jeder hat das Recht auf Leben, Freiheit und Sicherheit der Person.",
    ),
    "fr-fr": (
        "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de raison et de "
        "conscience et doivent agir les uns envers les autres dans un esprit de fraternité.",
        "Tout individu a droit à la vie, à la liberté et à la sûreté de sa personne.",
    ),
    "es": (
        "Todos los seres humanos nacen libres e iguales en dignidad y derechos y, dotados como están de razón y "
        "conciencia, deben comportarse fraternalmente los unos con los otros.",
        "Todo individuo tiene derecho a la vida, a la libertad y a la seguridad de su persona.",
    ),
    "it": (
        "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti. Essi sono dotati di ragione e di "
        "coscienza e devono agire gli uni verso gli altri in spirito di fratellanza.",
        "Ogni individuo ha diritto alla vita, alla libertà ed alla sicurezza della propria persona.",
    ),
    "pt-br": (
        "Todos os seres humanos nascem livres e iguais em dignidade e direitos. São dotados de razão e consciência e "
        "devem agir em relação uns aos outros com espírito de fraternidade.",
        "Todo ser humano tem direito à vida, à liberdade e à segurança pessoal.",
    ),
    "ru": (
        "Все люди рождаются свободными и равными в своём достоинстве и правах. Они наделены разумом и совестью и "
        "должны поступать в отношении друг друга в духе братства.",
        "Каждый человек имеет право на жизнь, на свободу и на личную неприкосновенность.",
    ),
    "pl": (
        "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są oni obdarzeni rozumem i "
        "sumieniem i powinni postępować wobec innych w duchu braterstwa.",
        "Każdy człowiek ma prawo do życia, wolności i bezpieczeństwa swej osoby.",
    ),
    "tr": (
        "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. Akıl ve vicdana sahiptirler ve birbirlerine "
        "karşı kardeşlik zihniyeti ile hareket etmelidirler.",
        "Yaşamak, hürriyet ve kişi emniyeti her ferdin hakkıdır.",
    ),
    "hi": (
        "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है। "
        "उन्हें बुद्धि और अन्तरात्मा की देन प्राप्त है और परस्पर उन्हें भाईचारे के भाव से बर्ताव करना चाहिए।",
        "प्रत्येक व्यक्ति को जीवन, स्वाधीनता और वैयक्तिक सुरक्षा का अधिकार है।",
    ),
    "cmn": (
        "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。",
        "人人有权享有生命、自由和人身安全。",
    ),
}
_VARIANTS = {
    **{f"f{number}": "female" for number in range(1, 6)},
    **{f"m{number}": "male" for number in range(1, 9)},
    "whisper": "whisper",
    "croak": "croak",
}
_VOICES = tuple(product(_VARIANTS, _TEXTS))


def is_installed(program: str) -> bool:
    """Return whether a program can be run here."""
    return shutil.which(program) is not None


@lru_cache(maxsize=64)
def speech(number: int) -> Recording:
    """Return 12 to 20 seconds of one of 180 voices of espeak-ng, always the same for the same number."""
    number %= len(_VOICES)
    variant, language = _VOICES[number]
    rng = np.random.default_rng([_SEED, number])
    # Some voices begin with the second sentence. Four readings last 20 seconds at any speed.
    text = " ".join(np.roll(_TEXTS[language], rng.integers(2)).tolist() * 4)
    options = ["-v", f"{language}+{variant}", "-p", str(rng.integers(20, 80)), "-s", str(rng.integers(120, 200))]
    return _cut(_spoken([ESPEAK, *options, "-w"], text), rng)


def espeak_voices() -> list[tuple[str, Callable[[], Recording]]]:
    """Return 180 voices of espeak-ng, 12 languages in 15 variants: the kind of each, and how to make it."""
    return [(f"{ESPEAK}, {_VARIANTS[variant]}", partial(speech, number)) for number, (variant, _) in enumerate(_VOICES)]


def flite_voices() -> list[tuple[str, Callable[[], Recording]]]:
    """Return 15 readings in English by the five voices of flite: the kind of each, and how to make it."""
    return [(FLITE, partial(_reading, number)) for number in range(len(_FLITE_VOICES) * _FLITE_READINGS)]


def _reading(number: int) -> Recording:
    rng = np.random.default_rng([_SEED, 1, number])
    text = " ".join(np.roll(_ENGLISH, rng.integers(2)).tolist() * 3)
    voice = _FLITE_VOICES[number % len(_FLITE_VOICES)]
    options = ["-voice", voice, "--setf", f"duration_stretch={rng.uniform(0.85, 1.2):.2f}"]
    return _cut(_spoken([FLITE, *options, "-o"], text), rng)


def _spoken(command: list[str], text: str) -> Recording:
    """Return the speech of a command that takes a file name and the text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        subprocess.run([*command, str(path), text], check=True, capture_output=True)  # noqa: S603 - our own command
        samples, rate = soundfile.read(path, always_2d=True)
    return Recording(samples.T, rate)


def _cut(recording: Recording, rng: np.random.Generator) -> Recording:
    samples = round(rng.uniform(_SHORTEST_SECONDS, _LONGEST_SECONDS) * recording.sample_rate_hz)
    return recording.with_samples(recording.samples[:, :samples])
