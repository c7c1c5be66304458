"""The DICOM upper layer over TCP and TLS (PS3.8 section 9): small, bounded, standard library only.

`pdu` and `associate` are the bytes, `states` the protocol machine, `transport` the socket, `association` the
life of one association, `dimse` the command sets that travel on it (PS3.7 section 6.3).
"""
