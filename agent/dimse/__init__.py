"""DICOM messages over a network, in a child process: one call is one try, its end is an `Outcome`.

`upper` is our own upper layer (PS3.8): storage, Verification and the listener use it and load nothing else.
"""
