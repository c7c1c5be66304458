"""Which Modality codes a source may carry, as data (PS3.3 C.7.3.1.1.1, Defined Terms of (0008,0060)).

A PACS routes and hangs by this value, so a retired or invented code is refused when the configuration is
read, with the current code to use instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

CURRENT: Mapping[str, str] = MappingProxyType({
    "ANN": "Annotation",
    "AR": "Autorefraction",
    "ASMT": "Content Assessment Results",
    "AU": "Audio",
    "BDUS": "Bone Densitometry (ultrasound)",
    "BI": "Biomagnetic imaging",
    "BMD": "Bone Densitometry (X-Ray)",
    "CFM": "Confocal Microscopy",
    "CR": "Computed Radiography",
    "CT": "Computed Tomography",
    "CTPROTOCOL": "CT Protocol (Performed)",
    "DG": "Diaphanography",
    "DMS": "Dermoscopy",
    "DOC": "Document",
    "DX": "Digital Radiography",
    "ECG": "Electrocardiography",
    "EEG": "Electroencephalography",
    "EMG": "Electromyography",
    "EOG": "Electrooculography",
    "EPS": "Cardiac Electrophysiology",
    "ES": "Endoscopy",
    "FID": "Fiducials",
    "GM": "General Microscopy",
    "HC": "Hard Copy",
    "HD": "Hemodynamic Waveform",
    "IO": "Intra-Oral Radiography",
    "IOL": "Intraocular Lens Data",
    "IVOCT": "Intravascular Optical Coherence Tomography",
    "IVUS": "Intravascular Ultrasound",
    "KER": "Keratometry",
    "KO": "Key Object Selection",
    "LEN": "Lensometry",
    "LS": "Laser surface scan",
    "M3D": "Model for 3D Manufacturing",
    "MG": "Mammography",
    "MR": "Magnetic Resonance",
    "NM": "Nuclear Medicine",
    "OAM": "Ophthalmic Axial Measurements",
    "OCT": "Optical Coherence Tomography (non-Ophthalmic)",
    "OP": "Ophthalmic Photography",
    "OPM": "Ophthalmic Mapping",
    "OPT": "Ophthalmic Tomography",
    "OPTBSV": "Ophthalmic Tomography B-scan Volume Analysis",
    "OPTENF": "Ophthalmic Tomography En Face",
    "OPV": "Ophthalmic Visual Field",
    "OSS": "Optical Surface Scan",
    "OT": "Other",
    "PA": "Photoacoustic",
    "PLAN": "Plan",
    "POS": "Position Sensor",
    "PR": "Presentation State",
    "PT": "Positron emission tomography (PET)",
    "PX": "Panoramic X-Ray",
    "REG": "Registration",
    "RESP": "Respiratory Waveform",
    "RF": "Radio Fluoroscopy",
    "RG": "Radiographic imaging (conventional film/screen)",
    "RTDOSE": "Radiotherapy Dose",
    "RTIMAGE": "Radiotherapy Image",
    "RTINTENT": "Radiotherapy Intent",
    "RTPLAN": "Radiotherapy Plan",
    "RTRAD": "RT Radiation",
    "RTRECORD": "RT Treatment Record",
    "RTSEGANN": "Radiotherapy Segment Annotation",
    "RTSTRUCT": "Radiotherapy Structure Set",
    "RWV": "Real World Value Map",
    "SEG": "Segmentation",
    "SM": "Slide Microscopy",
    "SMR": "Stereometric Relationship",
    "SR": "SR Document",
    "SRF": "Subjective Refraction",
    "STAIN": "Automated Slide Stainer",
    "TEXTUREMAP": "Texture Map",
    "TG": "Thermography",
    "US": "Ultrasound",
    "VA": "Visual Acuity",
    "XA": "X-Ray Angiography",
    "XAPROTOCOL": "XA Protocol (Performed)",
    "XC": "External-camera Photography",
})  # fmt: skip
"""Every current code and its meaning."""

RETIRED: Mapping[str, tuple[str, str]] = MappingProxyType({
    "AS": ("Angioscopy", "ES"),
    "CD": ("Color flow Doppler", "US"),
    "CF": ("Cinefluorography", "RF"),
    "CP": ("Colposcopy", "ES"),
    "CS": ("Cystoscopy", "ES"),
    "DD": ("Duplex Doppler", "US"),
    "DF": ("Digital fluoroscopy", "RF"),
    "DM": ("Digital microscopy", "GM"),
    "DS": ("Digital Subtraction Angiography", "XA"),
    "EC": ("Echocardiography", "US"),
    "FA": ("Fluorescein angiography", "OP"),
    "FS": ("Fundoscopy", "OP"),
    "LP": ("Laparoscopy", "ES"),
    "MA": ("Magnetic resonance angiography", "MR"),
    "MS": ("Magnetic resonance spectroscopy", "MR"),
    "OPR": ("Ophthalmic Refraction", "AR"),
    "ST": ("Single-photon emission computed tomography", "NM"),
    "VF": ("Videofluorography", "RF"),
})  # fmt: skip
"""Every retired code: what it meant and the current code to use instead."""


def objection(code: str) -> str:
    """Return why `code` may not be used as Modality, or the empty string when it may (PS3.3 C.7.3.1.1.1)."""
    if code in CURRENT:
        return ""
    if code in RETIRED:
        meaning, current = RETIRED[code]
        return f"{code} ({meaning}) is retired; use {current} ({CURRENT[current]})"
    return f"{code!r} is not a DICOM modality code{_suggestion(code)}"


def _suggestion(code: str) -> str:
    """Return `; did you mean …` with the nearest codes: by spelling, else by the words of their meaning."""
    near = get_close_matches(code.upper(), CURRENT, n=3, cutoff=0.5)
    if not near and len(code) > 2:
        near = [c for c, meaning in CURRENT.items() if code.casefold() in meaning.casefold()][:3]
    return "; did you mean " + ", ".join(f"{c} ({CURRENT[c]})" for c in near) + "?" if near else ""
