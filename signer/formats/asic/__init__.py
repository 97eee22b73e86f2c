"""ASiC containers with XAdES and with CAdES signatures (ETSI EN 319 162-1)."""
