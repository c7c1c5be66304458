"""The words of the pages in two languages (gettext comes with the technician's screens)."""

from __future__ import annotations

Words = dict[str, str]

_ENGLISH: Words = {
    "worklist": "Worklist", "queue": "Queue", "refresh": "Refresh", "emergency": "Emergency exam",
    "no_patient": "NO PATIENT — capture is off", "born": "Born", "sex": "Sex", "id": "ID",
    "accession": "Accession", "choose": "Choose", "wrong": "Wrong patient", "yes": "Yes — start",
    "confirm": "Is this the patient?", "type_confirm": "Type or scan the patient's number",
    "capture": "CAPTURE", "finish": "Finish and send", "undo": "Undo", "images": "Images",
    "similar": "⚠ similar name", "blocked": "✖ cannot be used", "updated": "Last updated",
    "never": "never", "received": "received", "unreadable": "could not be read — ask IT",
    "truncated": "The list is too long and was cut: narrow it.", "unsent": "Unsent", "archive": "Archive",
    "video": "Video", "clock": "Clock", "stored": "● stored here", "sent": "✓ sent",
    "confirmed": "✓✓ confirmed by the archive", "waiting": "… stored here, waits to be sent",
    "sending": "➤ being sent", "held": "✋ held, stored here", "discarded": "✖ discarded", "paused":
    "The box restarted. Is it still this patient?", "resume": "Yes, the same patient", "next_try": "next try in",
    "seconds": "s", "reason": "Reason", "release": "Send as it is", "back": "Back", "safe":
    "What was captured before is safe.", "nothing_waits": "Nothing waits.", "empty": "No patients in the list.",
    "undo_left": "Will be sent in", "open_exam": "Open exam",
    "n-create": "Exam begun, told to the RIS", "n-set": "Exam ended, told to the RIS",
    "commit": "Asked to take responsibility", "images_left": "⚠ Room for pictures",
    "login": "Log in", "unlock": "Unlock", "enrol": "Enrol this box", "enrol_screen": "Enrol this screen",
    "name": "Name", "password": "Password", "new_password": "New password", "pin": "PIN", "badge": "Badge",
    "by_pin": "PIN or badge", "by_password": "Password instead", "by_badge": "Unlock with the badge",
    "locked_for": "This screen is locked for", "code": "Enrolment code", "not_enrolled":
    "This box has no administrator yet.", "enrol_how":
    "Type the enrolment code of this box and choose the name and password of its first administrator.",
    "enrol_screen_how": "An enrolled screen shows the open exam without a login and can be unlocked by PIN or badge.",
    "screen_name": "Name of this screen", "language": "Language", "pixels_per_mm": "Pixels per millimetre",
    "lock": "Lock", "logout": "Log out",
}  # fmt: skip
_UKRAINIAN: Words = {
    "worklist": "Список пацієнтів", "queue": "Черга", "refresh": "Оновити", "emergency": "Невідкладне обстеження",
    "no_patient": "ПАЦІЄНТА НЕ ОБРАНО — зйомку вимкнено", "born": "Народж.", "sex": "Стать", "id": "ID",
    "accession": "Направлення", "choose": "Обрати", "wrong": "Не той пацієнт", "yes": "Так — почати",
    "confirm": "Це той пацієнт?", "type_confirm": "Введіть або відскануйте номер пацієнта",
    "capture": "ЗНЯТИ", "finish": "Завершити й надіслати", "undo": "Скасувати", "images": "Знімки",
    "similar": "⚠ схоже прізвище", "blocked": "✖ не можна обрати", "updated": "Оновлено",
    "never": "ніколи", "received": "отримано", "unreadable": "не вдалося прочитати — зверніться до ІТ",
    "truncated": "Список задовгий і його обрізано: уточніть запит.", "unsent": "Не надіслано", "archive": "Архів",
    "video": "Відео", "clock": "Годинник", "stored": "● збережено тут", "sent": "✓ надіслано",
    "confirmed": "✓✓ архів підтвердив", "waiting": "… збережено тут, очікує надсилання",
    "sending": "➤ надсилається", "held": "✋ затримано, збережено тут", "discarded": "✖ відкинуто", "paused":
    "Пристрій перезапустився. Це той самий пацієнт?", "resume": "Так, той самий пацієнт",
    "next_try": "наступна спроба через", "seconds": "с", "reason": "Причина", "release": "Надіслати як є",
    "back": "Назад", "safe": "Усе зняте раніше збережено.", "nothing_waits": "Черга порожня.",
    "empty": "У списку немає пацієнтів.", "undo_left": "Буде надіслано через", "open_exam": "Відкрите обстеження",
    "n-create": "Початок обстеження — для РІС", "n-set": "Кінець обстеження — для РІС",
    "commit": "Запит про відповідальність архіву", "images_left": "⚠ Лишилося місця для знімків",
    "login": "Увійти", "unlock": "Розблокувати", "enrol": "Зареєструвати пристрій",
    "enrol_screen": "Зареєструвати екран", "name": "Ім’я", "password": "Пароль", "new_password": "Новий пароль",
    "pin": "ПІН-код", "badge": "Перепустка", "by_pin": "ПІН-код або перепустка", "by_password": "Увійти з паролем",
    "by_badge": "Розблокувати перепусткою", "locked_for": "Екран заблоковано. Працює", "code": "Код реєстрації",
    "not_enrolled": "Цей пристрій ще не має адміністратора.", "enrol_how":
    "Введіть код реєстрації цього пристрою та оберіть ім’я і пароль першого адміністратора.",
    "enrol_screen_how": "Зареєстрований екран показує відкрите обстеження без входу; його можна розблокувати"
    " ПІН-кодом або перепусткою.", "screen_name": "Назва екрана", "language": "Мова",
    "pixels_per_mm": "Пікселів на міліметр", "lock": "Заблокувати", "logout": "Вийти",
}  # fmt: skip
LANGUAGES: dict[str, Words] = {"en": _ENGLISH, "uk": _UKRAINIAN}


def words(language: str) -> Words:
    """Return the words of a language; an unknown one gets English."""
    return LANGUAGES.get(language, _ENGLISH)


_MONTHS = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "uk": ("січ", "лют", "бер", "квіт", "трав", "черв", "лип", "серп", "вер", "жовт", "лист", "груд"),
}


def day(date: str, language: str) -> str:
    """Return a DICOM date with the month as a word, so that day and month cannot be confused; empty: a dash."""
    if len(date) != 8 or not date.isdigit() or not 1 <= int(date[4:6]) <= 12:
        return date or "—"
    months = _MONTHS.get(language, _MONTHS["en"])
    return f"{date[6:]}-{months[int(date[4:6]) - 1]}-{date[:4]}"


def minute(time: str) -> str:
    """Return a DICOM time as hours and minutes."""
    return f"{time[:2]}:{time[2:4]}" if len(time) >= 4 else time
