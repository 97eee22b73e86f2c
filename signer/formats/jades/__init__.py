"""JAdES: advanced electronic signatures in JSON (ETSI TS 119 182-1 V1.2.1)."""
