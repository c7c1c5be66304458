"""Scanned pages as one PDF/A-1b document (ISO 19005-1): pictures only, no font, no script, nothing from outside.

Written part by part, so that not more than one page is in memory. What PDF/A asks for beyond PDF 1.4 is here: XMP
metadata, an output intent with its profile, a file identifier, no encryption, no transparency.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from xml.sax.saxutils import escape

from agent.objects.icc import DISPLAY, profile

_POINTS = 72 / 25.4
_HEADER = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
Write = Callable[[bytes], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfPage:
    """One picture: its size in pixels and millimetres, and its bytes as a PDF filter takes them."""

    rows: int
    columns: int
    height_mm: float
    width_mm: float
    bits: int
    colour: bool
    encoding: str
    """`DCTDecode` (JPEG) or `FlateDecode`."""
    data: bytes


def deflated(payload: bytes, rows: int, columns: int, bits: int) -> bytes:
    """Return native pixels as FlateDecode wants them; line art becomes whole bytes in each row, first pixel first."""
    if bits != 1:
        return zlib.compress(payload, 6)
    import numpy as np

    pixels = np.unpackbits(np.frombuffer(payload, np.uint8), bitorder="little")[: rows * columns]
    return zlib.compress(np.packbits(pixels.reshape(rows, columns), axis=1).tobytes(), 6)


class Document:
    """Writes one document: `page` again and again, then `end`."""

    def __init__(self, write: Write, *, title: str, created: str) -> None:
        """`created` is an XMP date (`2026-11-24T10:00:00+02:00`); `title` may be any text."""
        self._write, self._title, self._created = write, title, created
        self._offsets: dict[int, int] = {}
        self._at = 0
        self._pages: list[int] = []
        self._next = 6  # 1 catalogue, 2 page tree, 3 metadata, 4 profile, 5 information
        self._hash = hashlib.md5(usedforsecurity=False)
        self._put(_HEADER)

    def page(self, page: PdfPage) -> None:
        """Add one page that shows one picture in its true size."""
        picture, content, leaf = self._next, self._next + 1, self._next + 2
        self._next += 3
        space = "/DeviceRGB" if page.colour else "/DeviceGray"
        facts = f"/Type /XObject /Subtype /Image /Width {page.columns} /Height {page.rows} /ColorSpace {space}"
        self._stream(picture, f"{facts} /BitsPerComponent {page.bits} /Filter /{page.encoding}", page.data)
        width, height = round(page.width_mm * _POINTS, 2), round(page.height_mm * _POINTS, 2)
        self._stream(content, "", f"q {width} 0 0 {height} 0 0 cm /P Do Q".encode())
        box = f"/MediaBox [0 0 {width} {height}] /Resources << /XObject << /P {picture} 0 R >> >>"
        self._object(leaf, f"<< /Type /Page /Parent 2 0 R {box} /Contents {content} 0 R >>")
        self._pages.append(leaf)

    def end(self) -> None:
        """Write what belongs to the whole document."""
        kids = " ".join(f"{leaf} 0 R" for leaf in self._pages)
        intent = "<< /Type /OutputIntent /S /GTS_PDFA1 /OutputConditionIdentifier (sRGB) /DestOutputProfile 4 0 R >>"
        self._object(1, f"<< /Type /Catalog /Pages 2 0 R /Metadata 3 0 R /OutputIntents [{intent}] >>")
        self._object(2, f"<< /Type /Pages /Kids [{kids}] /Count {len(self._pages)} >>")
        self._stream(3, "/Type /Metadata /Subtype /XML", self._metadata())
        self._stream(4, "/N 3 /Filter /FlateDecode", zlib.compress(profile(DISPLAY)))
        self._object(5, f"<< /Title <{_utf16(self._title)}> /CreationDate ({_pdf_date(self._created)}) >>")
        self._table()

    def _metadata(self) -> bytes:
        title, created = escape(self._title), escape(self._created)
        return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/">
<pdfaid:part>1</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<xmp:CreateDate>{created}</xmp:CreateDate>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>""".encode()

    def _table(self) -> None:
        start, last = self._at, self._next
        rows = "".join(f"{self._offsets[n]:010d} 00000 n \n" for n in range(1, last))
        name = self._hash.hexdigest()
        tail = f"/Size {last} /Root 1 0 R /Info 5 0 R /ID [<{name}> <{name}>]"
        self._put(f"xref\n0 {last}\n0000000000 65535 f \n{rows}trailer\n<< {tail} >>\n".encode())
        self._put(f"startxref\n{start}\n%%EOF\n".encode())

    def _object(self, number: int, text: str) -> None:
        self._offsets[number] = self._at
        self._put(f"{number} 0 obj\n{text}\nendobj\n".encode())

    def _stream(self, number: int, facts: str, data: bytes) -> None:
        self._offsets[number] = self._at
        self._put(f"{number} 0 obj\n<< {facts} /Length {len(data)} >>\nstream\n".encode())
        self._put(data)
        self._put(b"\nendstream\nendobj\n")

    def _put(self, data: bytes) -> None:
        self._hash.update(data)
        self._at += len(data)
        self._write(data)


def _utf16(text: str) -> str:
    return ("\ufeff" + text).encode("utf-16-be").hex()


def _pdf_date(created: str) -> str:
    """Return `D:20261124100000+02'00'` of `2026-11-24T10:00:00+02:00`; both must say the same (ISO 19005-1 6.7.3)."""
    date, zone = created[:19], created[19:]
    digits = "".join(c for c in date if c.isdigit())
    return f"D:{digits}{zone[:3]}'{zone[4:6]}'" if zone else f"D:{digits}"
