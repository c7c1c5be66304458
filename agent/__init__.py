"""modality-agent: captures from devices that speak no DICOM and delivers to the PACS.

The rooms follow the data path: `devices` capture, `exam` binds a picture to a patient, `objects` builds the
SOP Instance, `store` and `spool` remember it, `delivery` hands it to the archive. `supervisor` builds them all.
"""

__version__ = "0.1.0"
