"""Keys by name and number (linux/input-event-codes.h), and what a barcode reader types with them on a US keyboard."""

from __future__ import annotations

_ROWS = (
    (2, "1234567890-="),
    (16, "qwertyuiop[]"),
    (30, "asdfghjkl;'`"),
    (43, "\\zxcvbnm,./"),
)
_SHIFTED = dict(zip("1234567890-=[];'`\\,./", '!@#$%^&*()_+{}:"~|<>?', strict=True))
PLAIN = {first + n: letter for first, letters in _ROWS for n, letter in enumerate(letters)} | {57: " "}
KEYPAD = {82: "0", 79: "1", 80: "2", 81: "3", 75: "4", 76: "5", 77: "6", 71: "7", 72: "8", 73: "9", 74: "-", 78: "+",
          83: ".", 55: "*", 98: "/"}  # fmt: skip
ENTERS, SHIFTS, CTRL = frozenset({28, 96, 15}), frozenset({42, 54}), frozenset({29, 97})
_OTHER = {"KEY_ENTER": 28, "KEY_SPACE": 57, "KEY_LEFT": 105, "KEY_RIGHT": 106, "KEY_UP": 103, "KEY_DOWN": 108,
          "KEY_PAGEUP": 104, "KEY_PAGEDOWN": 109, "KEY_ESC": 1, "KEY_TAB": 15, "KEY_CAMERA": 212, "KEY_RECORD": 167,
          "BTN_LEFT": 0x110, "BTN_RIGHT": 0x111, "BTN_MIDDLE": 0x112, "BTN_TRIGGER": 0x120, "BTN_0": 0x100,
          "BTN_1": 0x101, "BTN_2": 0x102, "BTN_SOUTH": 0x130}  # fmt: skip
NAMES = {
    **{f"KEY_{letter.upper()}": number for number, letter in PLAIN.items() if letter.isalnum()},
    **{f"KEY_F{n + 1}": 59 + n for n in range(10)},
    "KEY_F11": 87, "KEY_F12": 88, **{f"KEY_F{n}": 170 + n for n in range(13, 25)}, **_OTHER,
}  # fmt: skip


def code(name: str) -> int:
    """Return the number of a key by its name, or of a number; raises `ValueError`."""
    if name.isdecimal() and 0 < int(name) < 0x300:
        return int(name)
    try:
        return NAMES[name.upper()]
    except KeyError:
        raise ValueError(f"there is no key called {name!r}") from None


class Typed:
    """The text that is being typed; Enter or Tab ends it."""

    def __init__(self) -> None:
        self.text = ""
        self._held: set[int] = set()

    def see(self, number: int, *, down: bool) -> str | None:
        """Take one event and return the text when it is complete, else None. Repeats of a held key do not count."""
        if not down:
            self._held.discard(number)
            return None
        again = number in self._held
        self._held.add(number)
        if again:
            return None
        if number in ENTERS:
            text, self.text = self.text, ""
            return text
        self.text += self._letter(number)
        return None

    def _letter(self, number: int) -> str:
        if self._held & CTRL:
            return "\x1d" if PLAIN.get(number) == "]" else ""  # how readers type a group separator
        letter = PLAIN.get(number) or KEYPAD.get(number, "")
        if not self._held & SHIFTS:
            return letter
        return _SHIFTED.get(letter, letter.upper())
