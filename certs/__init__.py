"""X.509: issuing, OCSP, CRL, time stamps, attribute certificates, trusted list."""
