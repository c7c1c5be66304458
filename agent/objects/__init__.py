"""Pure: identity snapshot and durable frame to one DICOM object, checked, written, read again.

No clock, no paths, no network: values and open descriptors come in, one file goes out (PS3.3, PS3.10).
Runs in the build child.
"""
