"""XML signatures as structures: reading, canonical forms, references (XMLDSIG; EN 319 132-1).

For formats and validation alike; the SAM checks what it signs with code of its own.
"""
