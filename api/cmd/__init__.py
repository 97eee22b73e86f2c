"""The CMD signature services (SOAP 1.1), which real desktop programs call unmodified."""
